"""Judging scored pairs: does the model's similarity rise with the given score?"""

from __future__ import annotations

import numpy as np

from vectune.evaluate.clusters import clusters_of
from vectune.evaluate.correlation import pearson, ranks
from vectune.evaluate.judged import Judged
from vectune.evaluate.sides import Matcher, Sides
from vectune.records import Kind, Scored


class SimilarityTask:
    """Each pair's similarity (cosine, or BM25 of the second text among all seconds) against its given score."""

    def __init__(self, data: Scored) -> None:
        self._gold = np.array([pair.score for pair in data.pairs], dtype=np.float64)
        self._clusters = clusters_of([pair.first] for pair in data.pairs)
        self.sides = Sides(left=[pair.first for pair in data.pairs], right=[pair.second for pair in data.pairs])

    def judge(self, matcher: Matcher) -> Judged:
        """Score every pair and correlate."""
        places = np.arange(len(self._gold))
        scores = matcher.scores_of(places, places).astype(np.float64)
        totals = {"spearman": pearson(ranks(scores), ranks(self._gold)), "pearson": pearson(scores, self._gold)}
        units = tuple(str(place) for place in places)
        return Judged(
            Kind.SCORED,
            units=units,
            per_unit={},
            totals=totals,
            scores=scores,
            gold=self._gold,
            clusters=self._clusters,
        )
