"""Work is dealt out whole, and evenly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vectune.train.longest_first import deal, longest

COSTS = st.lists(st.integers(1, 1000), max_size=40)


@given(COSTS, st.integers(1, 6))
def test_each_piece_is_dealt_once_and_no_hand_has_much_more_than_its_part(costs: list[int], hands: int) -> None:
    """The most that a hand has is less than an equal part and one piece; each hand's longest piece comes first."""
    dealt = deal(costs, hands)
    assert sorted(place for pieces in dealt for place in pieces) == list(range(len(costs)))
    assert len(dealt) == hands
    for pieces in dealt:
        found = [costs[place] for place in pieces]
        assert found == sorted(found, reverse=True)
        assert sum(found) <= sum(costs) / hands + max(costs, default=0)


def test_the_longest_piece_stands_alone_where_others_are_as_long_together() -> None:
    """Four pieces for two hands."""
    assert deal([1, 9, 3, 5], 2) == [[1], [3, 2, 0]]
    assert longest([1, 9, 3, 5], 2) == 9
    assert longest([1, 9, 3, 5], 1) == 18
