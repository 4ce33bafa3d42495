"""The difference of two models' means over the same units, and what chance does to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class PairedMeans:
    """A measure that exists for every unit: `base` and `tuned` float64 [n], 0 to 1, no NaN."""

    bound = 1.0
    """No two models can differ by more."""

    def __init__(self, base: NDArray[np.float64], tuned: NDArray[np.float64]) -> None:
        self._base, self._tuned = base, tuned
        self._difference = tuned - base

    def __len__(self) -> int:
        return len(self._base)

    def observed(self) -> tuple[float, float]:
        """Base's and tuned's score; 0 without units."""
        if len(self) == 0:
            return 0.0, 0.0
        return float(self._base.mean()), float(self._tuned.mean())

    def resampled(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tuned minus base when unit i counts `counts[:, i]` times: [m, n] to [m]."""
        return np.asarray(counts @ self._difference / len(self), dtype=np.float64)

    def swapped(self, flips: NDArray[np.float64]) -> NDArray[np.float64]:
        """Tuned minus base when the models change places in the units where `flips` is 1: [m, n] to [m]."""
        return np.asarray((self._difference.sum() - 2 * (flips @ self._difference)) / len(self), dtype=np.float64)

    def standard_error(self, resampled: NDArray[np.float64]) -> float:
        """Standard error of the difference: sd(differences) / sqrt(n); the resamples are not needed."""
        return float(self._difference.std(ddof=1) / np.sqrt(len(self)))
