from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vectune.search.best import Best


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(-2, 2), min_size=0, max_size=9), max_size=5), st.integers(0, 6))
def test_offers_add_up_to_one_sort(blocks: list[list[int]], k: int) -> None:
    """Blocks of any size, empty ones too, leave the k best of all scores, equal ones in order of arrival."""
    best, first = Best(1, k), 0
    for block in blocks:
        best.offer(np.array([block], dtype=np.float32).reshape(1, len(block)), first)
        first += len(block)
    every = [score for block in blocks for score in block]
    order = sorted(range(len(every)), key=lambda place: (-every[place], place))[:k]
    filled = len(order)
    assert best.indices[0, :filled].tolist() == order
    assert best.scores[0, :filled].tolist() == [every[place] for place in order]
    assert (best.indices[0, filled:] == -1).all()
