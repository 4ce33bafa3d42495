"""Connected components: the units that share a text, or nearly, and so must stay on one side of a split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from vectune.data.disjoint_sets import DisjointSets
from vectune.data.near_duplicates import NearDuplicates
from vectune.data.units import Space, Units

_BLOCK = 4096
_SMALLEST_GIANT = 3
_SAME_QUERY, _SAME_DOCUMENT, _NEAR = 0.0, 1.0, 3.0


@dataclass(frozen=True)
class Ties:
    """Reasons for two units to stay together, int64 [ties] each; `weakness` float64 [ties], 0 for the strongest tie.

    Same query, or same pair in the other order: 0. Same document: 1 to 2, the more units share it the weaker.
    Near-duplicates: 3 less their Jaccard.
    """

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    weakness: NDArray[np.float64]

    def plus(self, other: Ties) -> Ties:
        """Both together."""
        return Ties(
            np.concatenate((self.left, other.left)),
            np.concatenate((self.right, other.right)),
            np.concatenate((self.weakness, other.weakness)),
        )


@dataclass(frozen=True)
class Cut:
    """How components too large for a split were cut: the units in them, their share of all, and the ties given up."""

    rows: int
    share: float
    links: int


class Linked:
    """Units and all that ties them; holds the word pairs of their texts. Use as a context manager."""

    def __init__(self, units: Units, near_duplicate: float) -> None:
        self._units = units
        self._near = [_indexed(space, near_duplicate) for space in units.spaces]
        self._first = [_first_units(space) for space in units.spaces]

    def __enter__(self) -> Linked:
        return self

    def __exit__(self, *_: object) -> None:
        for index in self._near:
            index.close()

    def ties(self) -> Ties:
        """All ties between units: a chain through each shared text, and one tie for each pair of near-duplicates."""
        found = _NO_TIES
        for space, index, first in zip(self._units.spaces, self._near, self._first, strict=True):
            links = index.links()
            near = Ties(first[links.left], first[links.right], _NEAR - links.jaccard)
            found = found.plus(_chains(space, len(self._units))).plus(near)
        return found

    def across(self, side: NDArray[np.int64]) -> Ties:
        """Ties by near-duplicates between units of different sides (`side` int64 [units]): at least one for each text
        that has a near-duplicate on an earlier side, which the forest of `ties` may have passed over."""
        found = _NO_TIES
        for space, index in zip(self._units.spaces, self._near, strict=True):
            for later in range(1, int(side.max(initial=0)) + 1):
                here, there = _on_side(space, side == later), _on_side(space, side < later)
                texts, others = np.flatnonzero(here >= 0), np.flatnonzero(there >= 0)
                match = index.matches(texts, others).found
                near = match >= 0
                left, right = here[texts[near]], there[match[near]]
                found = found.plus(Ties(left, right, np.full(len(left), _NEAR)))
        return found


def component_roots(count: int, ties: Ties) -> NDArray[np.int64]:
    """The first unit of each unit's component: int64 [count]."""
    ones = np.ones(len(ties.left), np.int8)
    _, labels = connected_components(coo_array((ones, (ties.left, ties.right)), shape=(count, count)), directed=False)
    _, first = np.unique(labels, return_index=True)
    return np.asarray(first[labels], dtype=np.int64)


def cut_giants(roots: NDArray[np.int64], ties: Ties, giant: float, largest_piece: int) -> tuple[NDArray[np.int64], Cut]:
    """Components of over `giant` of the units, or of all units, cut to pieces of at most `largest_piece` units.

    Kruskal's algorithm with a bound: ties are honoured from the strongest to the weakest unless the piece would grow
    too large. Gives the first unit of each unit's piece, int64 [units], and what was cut.
    """
    count = len(roots)
    sizes = np.bincount(roots, minlength=count)
    in_giant = ((sizes[roots] > giant * count) | (sizes[roots] == count)) & (sizes[roots] >= _SMALLEST_GIANT)
    if not in_giant.any():
        return roots, Cut(0, 0.0, 0)
    chosen = np.flatnonzero(in_giant[ties.left])
    order = chosen[np.argsort(ties.weakness[chosen], kind="stable")]
    sets = DisjointSets(count)
    size = [1] * count
    given_up: list[tuple[int, int]] = []
    for left, right in zip(ties.left[order].tolist(), ties.right[order].tolist(), strict=True):
        a, b = sets.find(left), sets.find(right)
        if a == b:
            continue
        if size[a] + size[b] > largest_piece:
            given_up.append((left, right))
            continue
        sets.join(a, b)
        size[min(a, b)] = size[a] + size[b]
    pieces = np.where(in_giant, sets.roots(), roots)
    links = sum(pieces[left] != pieces[right] for left, right in given_up)
    rows = int(in_giant.sum())
    return pieces, Cut(rows, rows / count, int(links))


_NO_TIES = Ties(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _indexed(space: Space, near_duplicate: float) -> NearDuplicates:
    index = NearDuplicates(near_duplicate)
    for begin in range(0, len(space.texts), _BLOCK):
        index.add(space.texts[begin : begin + _BLOCK])
    return index


def _first_units(space: Space) -> NDArray[np.int64]:
    """The first unit that holds each text: int64 [texts]."""
    first = np.zeros(len(space.texts), np.int64)
    first[space.hubs[::-1]] = space.units[::-1]
    return first


def _on_side(space: Space, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A chosen unit that holds each text, or -1: int64 [texts]."""
    holder = np.full(len(space.texts), -1, np.int64)
    wanted = chosen[space.units]
    holder[space.hubs[wanted]] = space.units[wanted]
    return holder


def _chains(space: Space, count: int) -> Ties:
    """Each text's units, tied in file order to the next."""
    order = np.lexsort((space.units, space.hubs))
    hubs, units = space.hubs[order], space.units[order]
    same = np.flatnonzero(hubs[1:] == hubs[:-1])
    if space.name != "documents":
        weakness = np.full(len(same), _SAME_QUERY)
    else:
        weakness = _SAME_DOCUMENT + np.bincount(hubs, minlength=len(space.texts))[hubs[same]] / (count + 1)
    return Ties(units[same], units[same + 1], weakness)
