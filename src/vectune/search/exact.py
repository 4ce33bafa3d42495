"""Exact nearest neighbours by brute force, a block at a time, so that the full score matrix never exists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vectune.search.best import Best

QUERY_BLOCK = 512


def top_k(
    queries: NDArray[np.float32], documents: NDArray[np.float32], k: int, block: int = 8192
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k documents of highest dot product with each query: scores float32 [Q, k] and indices int64 [Q, k].

    `queries` [Q, D] and `documents` [N, D] must be finite; with vectors of norm 1 the score is the cosine. Scores fall
    along each row, equal scores go to the lower document index, and k is cut to N. Memory beside the vectors is
    about 512 x `block` x 4 bytes. Equal vectors in different blocks may differ in the score's last bit.
    """
    count = min(k, len(documents))
    scores = np.empty((len(queries), count), dtype=np.float32)
    indices = np.empty((len(queries), count), dtype=np.int64)
    for start in range(0, len(queries), QUERY_BLOCK):
        part = queries[start : start + QUERY_BLOCK]
        best = Best(len(part), count)
        for first in range(0, len(documents), block):
            best.offer(part @ documents[first : first + block].T, first)
        scores[start : start + QUERY_BLOCK] = best.scores
        indices[start : start + QUERY_BLOCK] = best.indices
    return scores, indices
