from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vectune.evaluate.knn import vote


def one(labels: list[int], weights: list[float]) -> int:
    return int(vote(np.array([labels]), np.array([weights]))[0])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 4)), min_size=1, max_size=8))
def test_the_vote_is_the_plain_count(neighbours: list[tuple[int, int]]) -> None:
    """Summing weights in a dictionary, nearest first, elects the same label."""
    sums: dict[int, float] = defaultdict(float)
    for label, weight in neighbours:
        sums[label] += max(weight, 0)
    best = max(sums, key=lambda label: sums[label])
    expected = best if sums[best] > 0 else -1
    assert one([label for label, _ in neighbours], [weight for _, weight in neighbours]) == expected


def test_many_weak_neighbours_beat_one_strong() -> None:
    """The sum of weights decides, not the nearest one alone."""
    assert one([5, 7, 7], [0.9, 0.5, 0.5]) == 7


def test_equal_sums_go_to_the_nearest_neighbours_label() -> None:
    """A tie is decided by who is nearest, not by which label is smaller; rounding does not break the tie."""
    assert one([9, 2, 2], [0.3, 0.1, 0.2]) == 9


@pytest.mark.parametrize("weights", [[0.0, 0.0], [-0.2, -0.1]])
def test_no_positive_weight_elects_nobody(weights: list[float]) -> None:
    """Neighbours that match not at all have no vote."""
    assert one([1, 1], weights) == -1


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_no_texts_or_no_neighbours_are_no_error(shape: tuple[int, int]) -> None:
    """Nothing to vote on elects nobody."""
    assert vote(np.zeros(shape, dtype=np.int64), np.zeros(shape)).tolist() == [-1] * shape[0]
