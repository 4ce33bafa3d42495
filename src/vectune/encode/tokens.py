"""Texts as token ids, kept once and cut into micro-batches that hold about equal work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]
_GOLDEN = (1 + 5**0.5) / 2


@dataclass(frozen=True)
class Tokens:
    """Token ids of many texts in one flat array: text i is `ids[offsets[i]:offsets[i + 1]]`.

    `ids` is int32 [total tokens], `offsets` int64 [texts + 1]. `prompt_lengths` int64 [texts] tells how many tokens at
    the front are the prompt's, for models whose pooling leaves the prompt out (0 elsewhere).
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]
    prompt_lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Indices:
        """Tokens of each text, int64 [texts]."""
        return np.diff(self.offsets)

    def select(self, rows: Indices) -> Tokens:
        """The texts at `rows`, in that order."""
        if len(rows) == len(self) and (rows == np.arange(len(self))).all():
            return self
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(self.lengths[rows], out=offsets[1:])
        ids = np.zeros(int(offsets[-1]), dtype=np.int32)
        for place, row in enumerate(rows):
            ids[offsets[place] : offsets[place + 1]] = self.ids[self.offsets[row] : self.offsets[row + 1]]
        return Tokens(ids, offsets, self.prompt_lengths[rows])

    def padded(self, rows: Indices, pad_id: int, least: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and attention mask of `rows`, padded on the right: two int64 [len(rows), longest], `least` or wider."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        width = int(lengths.max(initial=least))
        mask = np.arange(width) < lengths[:, None]
        ids = np.full((len(rows), width), pad_id, dtype=np.int64)
        flat = np.concatenate([self.ids[self.offsets[row] : self.offsets[row + 1]] for row in rows])
        ids[mask] = flat
        return ids, mask.astype(np.int64)


def pack(lists: Sequence[Sequence[int]], prompt_length: int = 0) -> Tokens:
    """Lists of token ids as Tokens."""
    offsets = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum([len(ids) for ids in lists], out=offsets[1:])
    flat = np.fromiter(chain.from_iterable(lists), dtype=np.int32, count=int(offsets[-1]))
    return Tokens(flat, offsets, np.full(len(lists), prompt_length, dtype=np.int64))


def concatenate(parts: Sequence[Tokens]) -> Tokens:
    """Several Tokens one after the other."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(part.offsets[-1] for part in parts)])
    offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts[:-1], strict=True)]
    return Tokens(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([*offsets, starts[-1:]]).astype(np.int64),
        np.concatenate([part.prompt_lengths for part in parts]),
    )


def micro_batches(
    lengths: Indices, budget: int, groups: Indices | None = None, overhead: int = 0, few: int = 1
) -> Iterator[Indices]:
    """Positions of texts, longest first, cut so that rows x longest stays within `budget` tokens (one text at least).
    Up to `few` texts may take twice the budget.

    Sorting by length keeps padding small; the longest come first so that memory peaks at once and not late. Texts of
    different `groups` [texts] (prompt lengths) are never mixed. Without `overhead` each micro-batch takes as many texts
    as fit; with it, which is what one more micro-batch costs in tokens, the cuts are those that cost least in all.
    """
    order = np.argsort(-lengths, kind="stable")
    if groups is not None:
        order = order[np.argsort(groups[order], kind="stable")]
    for run in [order] if groups is None else np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        sizes = np.maximum(lengths[run], 1)
        for start, stop in _cheapest_cuts(sizes, budget, overhead, few) if overhead else _full_cuts(sizes, budget, few):
            yield run[start:stop]


def spread(number: int) -> Indices:
    """The numbers below `number`, 0 first, then the others so that what is done of them is a fair sample of all at any
    moment: micro-batches in this order, of which the first has the longest texts, tell how long all will take.

    By multiples of the golden ratio, whose fractions lie evenly between 0 and 1 (Weyl's equidistribution).
    """
    rest = np.arange(1, number)
    return np.concatenate([np.arange(min(number, 1)), rest[np.argsort(rest * _GOLDEN % 1)]])


def even_cuts(lengths: Indices, workers: int, budget: int, overhead: int) -> list[Indices]:
    """`micro_batches` within `budget` tokens of which `workers` have about the same to do, and all of them at the end.

    Their number is a multiple of `workers`, or that of the texts, and their largest size, padding included, as small as
    that number allows. The multiple is the first that costs less than the next, each micro-batch being `overhead`
    tokens more than it has.
    """
    if len(lengths) < 2:
        return [np.arange(len(lengths))] if len(lengths) else []
    sizes = np.sort(np.maximum(lengths, 1))[::-1]
    best: list[Indices] = []
    least = np.inf
    number = -(-_count(sizes, budget) // workers) * workers
    while True:
        parts = _split_to(number, list(micro_batches(lengths, _even_budget(sizes, number, budget))), lengths)
        cost = sum(len(part) * max(int(lengths[part].max()), 1) + overhead for part in parts)
        if cost >= least:
            return best
        best, least = parts, cost
        number += workers


def _split_to(number: int, parts: list[Indices], lengths: Indices) -> list[Indices]:
    """`parts` with the largest halved until there are `number`, or none of several texts: where texts are equally long
    the budget that makes few enough makes too few."""

    def size(place: int) -> tuple[bool, int]:
        return len(parts[place]) > 1, len(parts[place]) * int(lengths[parts[place]].max())

    while len(parts) < min(number, len(lengths)):
        largest = max(range(len(parts)), key=size)
        half = -(-len(parts[largest]) // 2)
        parts[largest : largest + 1] = parts[largest][:half], parts[largest][half:]
    return parts


def _even_budget(sizes: Indices, number: int, most: int) -> int:
    """The smallest budget with which texts of these sizes, longest first, make no more than `number` micro-batches."""
    low, high = 1, most
    while low < high:
        middle = (low + high) // 2
        if _count(sizes, middle) <= number:
            high = middle
        else:
            low = middle + 1
    return high


def _count(sizes: Indices, budget: int) -> int:
    return sum(1 for _ in _full_cuts(sizes, budget, 1))


def _full_cuts(lengths: Indices, budget: int, few: int) -> Iterator[tuple[int, int]]:
    """From the longest on, as many as fit."""
    start = 0
    while start < len(lengths):
        longest = int(lengths[start])
        stop = min(start + max(budget // longest, min(few, 2 * budget // longest), 1), len(lengths))
        yield start, stop
        start = stop


def _cheapest_cuts(lengths: Indices, budget: int, overhead: int, few: int) -> list[tuple[int, int]]:
    """The cuts with the smallest sum of rows x longest + overhead, by dynamic programming over where one ends."""
    cost = np.zeros(len(lengths) + 1, dtype=np.int64)
    begin = np.zeros(len(lengths) + 1, dtype=np.int64)
    first = 0
    for stop in range(1, len(lengths) + 1):
        while (count := stop - first) > 1 and count * lengths[first] > (2 * budget if count <= few else budget):
            first += 1
        starts = np.arange(first, stop)
        found = cost[starts] + (stop - starts) * lengths[starts] + overhead
        best = int(found.argmin())
        cost[stop], begin[stop] = found[best], starts[best]
    cuts: list[tuple[int, int]] = []
    stop = len(lengths)
    while stop:
        cuts.append((int(begin[stop]), stop))
        stop = int(begin[stop])
    return cuts[::-1]
