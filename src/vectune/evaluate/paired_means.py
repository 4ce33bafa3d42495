"""The difference of two models' means over the same units, and what chance does to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.clusters import Clusters


class PairedMeans:
    """A measure that exists for every unit: `base` and `tuned` float64 [n], 0 to 1, no NaN.

    Chance works on c clusters of units; without `clusters` each unit is one, and c is n.
    """

    bound = 1.0
    """No two models can differ by more."""

    def __init__(self, base: NDArray[np.float64], tuned: NDArray[np.float64], clusters: Clusters | None = None) -> None:
        self._base, self._tuned = base, tuned
        self.clusters = Clusters.single(len(base)) if clusters is None else clusters
        self._sums, self._sizes = self.clusters.sums(tuned - base), self.clusters.sizes

    def __len__(self) -> int:
        return len(self._base)

    def observed(self) -> tuple[float, float]:
        """Base's and tuned's score; 0 without units."""
        if len(self) == 0:
            return 0.0, 0.0
        return float(self._base.mean()), float(self._tuned.mean())

    def resampled(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tuned minus base when cluster i counts `counts[:, i]` times: [m, c] to [m].

        The sum of the drawn differences over the number of drawn units, which clusters of many sizes make vary.
        """
        return np.asarray(counts @ self._sums / (counts @ self._sizes), dtype=np.float64)

    def swapped(self, flips: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tuned minus base when the models change places in the clusters where `flips` is 1: [m, c] to [m]."""
        return np.asarray((self._sums.sum() - 2 * (flips @ self._sums)) / len(self), dtype=np.float64)

    def standard_error(self, resampled: NDArray[np.float64]) -> float:
        """Standard error of the difference, a ratio (Cochran, Sampling Techniques, 1977, chapter 6).

        sd(S - D * (N - M)) / (M * sqrt(c)), S the sum of a cluster's differences, N its number of units, M the mean of
        N, D the difference. Where each unit is a cluster: sd(differences) / sqrt(n). The resamples are not needed.
        """
        size = self._sizes.mean()
        uneven = self._sums - self._sums.sum() / len(self) * (self._sizes - size)
        return float(uneven.std(ddof=1) / (size * np.sqrt(len(self.clusters))))
