"""Pearson and Spearman correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

_TINY = 1e-12


def pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Pearson's correlation of two columns [n], -1 to 1; 0 where it does not exist (n < 2, or a constant column)."""
    if len(x) < 2:
        return 0.0
    a, b = standardised(x), standardised(y)
    return float(np.clip((a * b).mean(), -1.0, 1.0))


def ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, equal values sharing the mean of their ranks: Pearson's correlation of ranks is Spearman's."""
    return np.asarray(rankdata(x), dtype=np.float64)


def standardised(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """`x` moved to mean 0 and scaled to standard deviation 1; a constant column becomes 0."""
    centred = x - x.mean() if len(x) else x
    spread = float(np.sqrt((centred**2).mean())) if len(x) else 0.0
    if spread <= _TINY * max(1.0, float(np.abs(x).max(initial=0.0))):
        return np.zeros_like(centred)
    return np.asarray(centred / spread, dtype=np.float64)


def from_moments(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    xx: NDArray[np.float64],
    yy: NDArray[np.float64],
    xy: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Pearson's correlation from means of x, y, x^2, y^2 and x*y, one a resample: all [m], 0 where it does not exist.

    The columns that the means come from should be standardised, else digits cancel.
    """
    spread = np.maximum(xx - x * x, 0.0) * np.maximum(yy - y * y, 0.0)
    exists = spread > _TINY
    return np.where(exists, np.clip((xy - x * y) / np.sqrt(np.where(exists, spread, 1.0)), -1.0, 1.0), 0.0)
