"""Triplet accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vectune.evaluate.sides import Matcher


def triplet_accuracy(
    matcher: Matcher, positives: Sequence[Sequence[int]], negatives: Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """Share of (positive, negative) combinations in which the positive scores higher: float64 [n], 0 to 1.

    `positives[i]` and `negatives[i]` are places on the right side that belong to left text i. Equal scores count as
    wrong. NaN where one of the two is empty.
    """
    good, bad = _scores(matcher, positives), _scores(matcher, negatives)
    return np.array(
        [
            float((g[:, None] > b[None, :]).mean()) if len(g) and len(b) else np.nan
            for g, b in zip(good, bad, strict=True)
        ],
        dtype=np.float64,
    )


def _scores(matcher: Matcher, places: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
    """The score of left text i with each of `places[i]`."""
    sizes = np.array([len(row) for row in places], dtype=np.int64)
    left = np.repeat(np.arange(len(places)), sizes)
    right = np.array([place for row in places for place in row], dtype=np.int64)
    return np.split(matcher.scores_of(left, right), np.cumsum(sizes)[:-1]) if len(places) else []
