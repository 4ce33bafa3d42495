"""Judging labelled texts: neighbours that vote, a linear probe, and texts of one label finding one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.judged import Judged
from vectune.evaluate.knn import vote
from vectune.evaluate.linear_probe import probe
from vectune.evaluate.measures import mean_of_units, ranking_measures
from vectune.evaluate.metrics.graded import DEPTH, Graded
from vectune.evaluate.sides import Matcher, Sides
from vectune.records import Kind, Labelled


class LabelTask:
    """Each text looks for reference texts of its label; without a reference it looks among the other texts."""

    def __init__(self, data: Labelled, reference: Labelled | None, neighbours: int) -> None:
        known = data if reference is None else reference
        names = {name: place for place, name in enumerate(sorted({t.label for t in (*data.texts, *known.texts)}))}
        self._own = np.array([names[text.label] for text in data.texts], dtype=np.int64)
        self._known = np.array([names[text.label] for text in known.texts], dtype=np.int64)
        self._leave_one_out = reference is None
        self._neighbours = neighbours
        self.sides = Sides(left=[text.text for text in data.texts], right=[text.text for text in known.texts])

    def judge(self, matcher: Matcher) -> Judged:
        """Rank, vote, probe and measure."""
        scores, ranking = self._neighbourhood(matcher)
        relevant = self._relevant()
        per_unit = {"knn_accuracy": self._knn(scores, ranking), **self._probe(matcher)}
        per_unit |= ranking_measures(self._graded(scores > matcher.floor, ranking[:, :DEPTH], relevant))
        return Judged(
            kind=Kind.LABELLED,
            units=tuple(str(place) for place in range(len(self._own))),
            per_unit=per_unit,
            totals={name: mean_of_units(values) for name, values in per_unit.items()},
            ranking=ranking[:, :DEPTH],
            top=tuple(self.sides.right[row[0]] for row in ranking) if ranking.shape[1] else (),
            left_out=int((relevant == 0).sum()),
        )

    def _neighbourhood(self, matcher: Matcher) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The best reference texts of each text, at least as many as vote; never the text itself."""
        depth = max(DEPTH, self._neighbours)
        if not self._leave_one_out:
            return matcher.top_k(depth)
        scores, ranking = matcher.top_k(depth + 1)
        if ranking.shape[1] == 0:
            return scores, ranking
        own = ranking == np.arange(len(ranking))[:, None]
        own[~own.any(axis=1), -1] = True  # among many equal texts it may not be in its own list: drop the last
        shape = (len(ranking), ranking.shape[1] - 1)
        return scores[~own].reshape(shape), ranking[~own].reshape(shape)

    def _relevant(self) -> NDArray[np.int64]:
        counts = np.bincount(self._known, minlength=int(self._own.max(initial=0)) + 1)
        return np.asarray(counts[self._own] - int(self._leave_one_out), dtype=np.int64)

    def _graded(self, found: NDArray[np.bool_], ranking: NDArray[np.int64], relevant: NDArray[np.int64]) -> Graded:
        same = self._known[ranking] == self._own[:, None]
        ideal = np.arange(ranking.shape[1])[None, :] < relevant[:, None]
        gains = same & found[:, : ranking.shape[1]]
        return Graded(gains=gains.astype(np.float64), ideal=ideal.astype(np.float64), relevant=relevant)

    def _knn(self, scores: NDArray[np.float32], ranking: NDArray[np.int64]) -> NDArray[np.float64]:
        nearest = ranking[:, : self._neighbours]
        votes = vote(self._known[nearest], scores[:, : self._neighbours].astype(np.float64))
        return np.asarray(votes == self._own, dtype=np.float64)

    def _probe(self, matcher: Matcher) -> dict[str, NDArray[np.float64]]:
        if self._leave_one_out or matcher.vectors is None or len(np.unique(self._known)) < 2:
            return {}
        own, known = matcher.vectors
        return {"probe_accuracy": np.asarray(probe(known, self._known, own) == self._own, dtype=np.float64)}
