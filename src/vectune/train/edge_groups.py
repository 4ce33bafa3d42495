"""Rows of query and document cut into groups, each text as seldom in a group as can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

Edge = tuple[int, int]
_LOOKED_AT = 32
"""Groups that are looked through for an edge that found no place in its order."""


def edge_groups(edges: Sequence[Edge], size: int) -> list[list[Edge]]:
    """All of `edges`, in their order as far as possible, in as few groups of up to `size` as hold them.

    `edges` are shuffled. A text that has no more of them than there are groups stands once in a group, one that has
    more is spread over them about evenly. Only an edge that finds no place otherwise stands where its texts are.
    """
    groups: list[list[Edge]] = [[] for _ in range(-(-len(edges) // size))]
    frontiers = _Frontiers(edges, len(groups))
    first_open = 0
    for edge in edges:
        place = max(first_open, frontiers.first(edge))
        while place < len(groups) and len(groups[place]) == size:
            place += 1
        if place == len(groups):
            place = _free(edge, groups, first_open, size)
        groups[place].append(edge)
        frontiers.passed(edge, place)
        while first_open < len(groups) and len(groups[first_open]) == size:
            first_open += 1
    return groups


def _free(edge: Edge, groups: list[list[Edge]], first_open: int, size: int) -> int:
    """A group with room that has neither text, of the first some; else the first with room."""
    for place in range(first_open, min(first_open + _LOOKED_AT, len(groups))):
        if len(groups[place]) < size and not any(set(edge) & set(other) for other in groups[place]):
            return place
    return first_open


class _Frontiers:
    """Knows from which group on each text may be put next."""

    def __init__(self, edges: Sequence[Edge], num_groups: int) -> None:
        counts = Counter(text for edge in edges for text in edge)
        self._share = {text: -(-count // num_groups) for text, count in counts.items() if count > num_groups}
        self._first: dict[int, int] = {}
        self._there: dict[int, int] = {}

    def first(self, edge: Edge) -> int:
        """The first group that may take both texts."""
        return max(self._first.get(text, 0) for text in edge)

    def passed(self, edge: Edge, place: int) -> None:
        """Both texts stand in the group `place` once more."""
        for text in edge:
            if text not in self._share:
                self._first[text] = max(place + 1, self._first.get(text, 0))
                continue
            if place < self._first.get(text, 0):
                continue
            there = 1 + (self._there.get(text, 0) if self._first.get(text) == place else 0)
            self._there[text] = there % self._share[text]
            self._first[text] = place + (there == self._share[text])
