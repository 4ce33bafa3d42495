"""Work dealt out so that all are done at about one time: the longest piece goes to who has least (Graham, 1969)."""

from __future__ import annotations

from collections.abc import Sequence


def deal(costs: Sequence[int], hands: int) -> list[list[int]]:
    """The pieces of each of `hands`, as places in `costs`, the longest first; the same for the same costs."""
    dealt: list[list[int]] = [[] for _ in range(hands)]
    held = [0] * hands
    for place in sorted(range(len(costs)), key=lambda place: -costs[place]):
        hand = held.index(min(held))
        dealt[hand].append(place)
        held[hand] += costs[place]
    return dealt


def longest(costs: Sequence[int], hands: int) -> int:
    """What the hand with the most to do has, when the pieces are dealt out."""
    return max(sum(costs[place] for place in pieces) for pieces in deal(costs, hands))
