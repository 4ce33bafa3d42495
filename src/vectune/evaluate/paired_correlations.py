"""The difference of two models' correlations with the same given scores, and what chance does to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.clusters import Clusters
from vectune.evaluate.correlation import from_moments, pearson, standardised


class PairedCorrelations:
    """`base`, `tuned` and `gold` float64 [n]: scores for Pearson's correlation, their ranks for Spearman's.

    Ranks are those of the whole data and stay fixed in every resample, so that a resample is a weighted correlation.
    Chance works on c clusters of pairs; without `clusters` each pair is one, and c is n.
    """

    bound = 2.0
    """No two models can differ by more."""

    def __init__(
        self,
        base: NDArray[np.float64],
        tuned: NDArray[np.float64],
        gold: NDArray[np.float64],
        clusters: Clusters | None = None,
    ) -> None:
        # One scale for both models, so that swapping their scores mixes like with like.
        self._base, self._tuned, self._gold = standardised(base), standardised(tuned), standardised(gold)
        self.clusters = Clusters.single(len(gold)) if clusters is None else clusters

    def __len__(self) -> int:
        return len(self._gold)

    def observed(self) -> tuple[float, float]:
        """Base's and tuned's correlation with the given scores."""
        return pearson(self._base, self._gold), pearson(self._tuned, self._gold)

    def resampled(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tuned minus base when cluster i counts `counts[:, i]` times: [m, c] to [m]."""
        b, t, g = self._base, self._tuned, self._gold
        sums = self._sums(b, t, g, b * b, t * t, g * g, b * g, t * g)
        means = (counts @ sums).T / (counts @ self.clusters.sizes)
        b, t, g, bb, tt, gg, bg, tg = means
        return from_moments(t, g, tt, gg, tg) - from_moments(b, g, bb, gg, bg)

    def swapped(self, flips: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tuned minus base when the models change places in the clusters where `flips` is 1: [m, c] to [m]."""
        b, t, g = self._base, self._tuned, self._gold
        moved = (flips @ self._sums(t - b, t * t - b * b, (t - b) * g)).T / len(self)
        first = np.array([b.mean(), (b * b).mean(), (b * g).mean()])[:, None] + moved
        second = np.array([t.mean(), (t * t).mean(), (t * g).mean()])[:, None] - moved
        mean, square = np.full(len(flips), g.mean()), np.full(len(flips), (g * g).mean())
        return from_moments(second[0], mean, second[1], square, second[2]) - from_moments(
            first[0], mean, first[1], square, first[2]
        )

    def standard_error(self, resampled: NDArray[np.float64]) -> float:
        """Standard error of the difference: the standard deviation of its resamples."""
        return float(resampled.std(ddof=1))

    def _sums(self, *columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """Columns [n] summed within each cluster: [c, columns]."""
        return np.stack([self.clusters.sums(column) for column in columns], axis=1)
