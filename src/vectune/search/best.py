"""The best k of many scores that arrive a block of documents at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Best:
    """The k highest scores seen so far for each of `rows` queries; equal scores go to the lower document index.

    `scores` (float32 [rows, k]) falls along each row and `indices` (int64 [rows, k]) names the documents; places that
    nothing has filled yet hold minus infinity and -1.
    """

    def __init__(self, rows: int, k: int) -> None:
        self.scores: NDArray[np.float32] = np.full((rows, k), -np.inf, dtype=np.float32)
        self.indices: NDArray[np.int64] = np.full((rows, k), -1, dtype=np.int64)

    def offer(self, scores: NDArray[np.float32], first: int) -> None:
        """Take in finite `scores` [rows, n] of documents `first` to `first + n - 1`.

        Blocks must come in rising order of `first`: a later document then never displaces one of equal score.
        """
        k = self.scores.shape[1]
        if k == 0 or scores.shape[1] == 0:
            return
        floor = self.scores[:, -1]
        level = floor
        if scores.shape[1] > k and np.isneginf(floor).any():
            level = np.maximum(floor, np.partition(scores, -k, axis=1)[:, -k])
        for row in np.flatnonzero(scores.max(axis=1) > floor):
            found = _candidates(scores[row], level[row], floor[row], k)
            self._merge(int(row), scores[row, found], found + first)

    def _merge(self, row: int, scores: NDArray[np.float32], indices: NDArray[np.int64]) -> None:
        all_scores = np.concatenate([self.scores[row], scores])
        all_indices = np.concatenate([self.indices[row], indices])
        # Stable: what stands first among equals has the lower index, because earlier blocks hold lower indices.
        order = np.argsort(-all_scores, kind="stable")[: self.scores.shape[1]]
        self.scores[row] = all_scores[order]
        self.indices[row] = all_indices[order]


def _candidates(scores: NDArray[np.float32], level: np.float32, floor: np.float32, k: int) -> NDArray[np.int64]:
    """Positions in one row that can still be among its best k, equal scores in rising order."""
    above = np.flatnonzero(scores > level)
    if level > floor and len(above) < k:
        # Thousands may share the k-th best score (0 in BM25); only the first of them can win.
        above = np.concatenate([above, np.flatnonzero(scores == level)[: k - len(above)]])
    return above
