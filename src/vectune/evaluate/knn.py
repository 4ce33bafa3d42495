"""k nearest neighbours as a classifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CELLS = 4_000_000


def vote(labels: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """The label with the largest sum of weights in each row: int64 [n], -1 where no weight is above 0.

    `labels` and `weights` [n, k] belong to the k neighbours, nearest first; weights below 0 count as 0. Of equal sums
    the label of the nearest neighbour wins.
    """
    if labels.shape[1] == 0:
        return np.full(len(labels), -1, dtype=np.int64)
    block = max(1, _CELLS // labels.shape[1] ** 2)
    parts = [_vote(labels[s : s + block], weights[s : s + block]) for s in range(0, len(labels), block)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *parts])


def _vote(labels: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
    positive = np.maximum(weights, 0.0)
    same = labels[:, :, None] == labels[:, None, :]
    sums = (same * positive[:, None, :]).sum(axis=2)
    # Sums of equal labels may differ in the last bit; rounding keeps a tie a tie.
    best = sums.round(9).argmax(axis=1)
    rows = np.arange(len(labels))
    return np.where(sums[rows, best] > 0, labels[rows, best], -1)
