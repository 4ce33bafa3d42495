"""Random draws of the bootstrap and of the permutation test, in chunks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_CELLS = 1_000_000


def bootstrap_counts(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """How often each of n clusters is drawn when n are drawn with replacement, once a resample: chunks [m, n].

    The chunks add up to `resamples` rows and hold about 8 MB each (one row at least). Equal n and seed give equal
    draws, which is what pairs the models.
    """
    random = np.random.default_rng([seed, 0])
    for rows in _chunks(n, resamples):
        drawn = random.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def coin_flips(n: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """0 or 1 with equal chance for each of n clusters, once a resample: chunks [m, n] as in `bootstrap_counts`."""
    random = np.random.default_rng([seed, 1])
    for rows in _chunks(n, resamples):
        yield random.integers(0, 2, size=(rows, n), dtype=np.int8).astype(np.float64)


def _chunks(n: int, resamples: int) -> Iterator[int]:
    size = max(1, _CELLS // max(n, 1))
    for start in range(0, resamples, size):
        yield min(size, resamples - start)
