"""Judging retrieval: queries, a corpus and grades; triplets too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.data.normal import normal
from vectune.evaluate.clusters import clusters_of
from vectune.evaluate.judged import Judged
from vectune.evaluate.measures import mean_of_units, ranking_measures
from vectune.evaluate.metrics.graded import Graded
from vectune.evaluate.own_documents import best_others, own_documents
from vectune.evaluate.sides import Matcher, Sides
from vectune.evaluate.triplets import triplet_accuracy
from vectune.records import Kind, Retrieval, Role


class RetrievalTask:
    """Every query with a relevant document ranks the corpus but for itself; other queries are left out and counted."""

    def __init__(self, data: Retrieval) -> None:
        self._data = data
        self._queries = [name for name in data.queries if any(g > 0 for g in data.qrels.get(name, {}).values())]
        self._clusters = clusters_of(self._shared_texts(name) for name in self._queries)
        # The search puts the earlier of equally good documents first; trec_eval the one with the higher id.
        ids = sorted(data.corpus, reverse=True)
        self._places = {name: place for place, name in enumerate(ids)}
        own = own_documents(data, self._queries)
        self._own = [frozenset(self._places[document] for document in found) for found in own]
        self._in_corpus = np.argsort([self._places[name] for name in data.corpus]).astype(np.int64)
        self.sides = Sides(
            left=[data.queries[name] for name in self._queries],
            right=[data.corpus[name] for name in ids],
            left_role=Role.QUERY,
            right_role=Role.DOCUMENT,
        )

    def judge(self, matcher: Matcher) -> Judged:
        """Rank and measure."""
        scores, ranking = best_others(matcher, self._own)
        per_unit = ranking_measures(self._graded(scores > matcher.floor, ranking))
        if self._data.kind is Kind.TRIPLETS:
            per_unit = {"triplet_accuracy": self._triplets(matcher), **per_unit}
        return Judged(
            kind=self._data.kind,
            units=tuple(self._queries),
            per_unit=per_unit,
            totals={name: mean_of_units(values) for name, values in per_unit.items()},
            ranking=self._in_corpus[ranking],
            top=tuple(self.sides.right[row[0]] for row in ranking) if len(self._places) else (),
            left_out=len(self._data.queries) - len(self._queries),
            clusters=self._clusters,
        )

    def _shared_texts(self, query: str) -> list[str]:
        """What makes queries one trial: their own text, all of their relevant documents, or both in another order, as
        pairs of questions stand in the data that ask for each other.

        One document in common is not enough: where queries have many, as in most sets of judged searches, chains of
        such would tie all of them together, and nothing could be told from any number of queries.
        """
        own, grades = normal(self._data.queries[query]), self._data.qrels[query]
        relevant = sorted({normal(self._data.corpus[name]) for name, grade in grades.items() if grade > 0})
        together = sorted({own, *relevant})
        return [f"query {own}", f"documents {' '.join(relevant)}", f"both {' '.join(together)}"]

    def _graded(self, found: NDArray[np.bool_], ranking: NDArray[np.int64]) -> Graded:
        grades = [
            {self._places[document]: grade for document, grade in self._data.qrels[name].items() if grade > 0}
            for name in self._queries
        ]
        gains, ideal = np.zeros(ranking.shape), np.zeros(ranking.shape)
        for row, known in enumerate(grades):
            gains[row] = [known.get(place, 0) for place in ranking[row].tolist()]
            best = sorted(known.values(), reverse=True)[: ranking.shape[1]]
            ideal[row, : len(best)] = best
        relevant = np.array([len(known) for known in grades], dtype=np.int64)
        return Graded(gains=gains * found, ideal=ideal, relevant=relevant)

    def _triplets(self, matcher: Matcher) -> NDArray[np.float64]:
        relevant = [[self._places[d] for d, grade in self._data.qrels[q].items() if grade > 0] for q in self._queries]
        negative = [[self._places[d] for d in self._data.negatives.get(q, ())] for q in self._queries]
        return triplet_accuracy(matcher, relevant, negative)
