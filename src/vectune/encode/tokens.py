"""Texts as token ids, kept once and cut into micro-batches that hold about equal work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


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

    def padded(self, rows: Indices, pad_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and attention mask of `rows`, padded on the right: two int64 [len(rows), longest]."""
        lengths = self.offsets[rows + 1] - self.offsets[rows]
        width = int(lengths.max(initial=1))
        mask = np.arange(width) < lengths[:, None]
        ids = np.full((len(rows), width), pad_id, dtype=np.int64)
        flat = np.concatenate([self.ids[self.offsets[row] : self.offsets[row + 1]] for row in rows])
        ids[mask] = flat
        return ids, mask.astype(np.int64)


def pack(lists: Sequence[Sequence[int]], prompt_length: int = 0) -> Tokens:
    """Lists of token ids as Tokens."""
    offsets = np.zeros(len(lists) + 1, dtype=np.int64)
    np.cumsum([len(ids) for ids in lists], out=offsets[1:])
    flat = np.fromiter((token for ids in lists for token in ids), dtype=np.int32, count=int(offsets[-1]))
    return Tokens(flat, offsets, np.full(len(lists), prompt_length, dtype=np.int64))


def concatenate(parts: Sequence[Tokens]) -> Tokens:
    """Several Tokens one after the other."""
    starts = np.cumsum([0, *(part.offsets[-1] for part in parts)])
    offsets = [part.offsets[:-1] + start for part, start in zip(parts, starts[:-1], strict=True)]
    return Tokens(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([*offsets, starts[-1:]]).astype(np.int64),
        np.concatenate([part.prompt_lengths for part in parts]),
    )


def micro_batches(lengths: Indices, budget: int, groups: Indices | None = None) -> Iterator[Indices]:
    """Positions of texts, longest first, cut so that rows x longest stays within `budget` tokens (one text at least).

    Sorting by length keeps padding small; the longest come first so that memory peaks at once and not late. Texts of
    different `groups` [texts] (prompt lengths) are never mixed.
    """
    order = np.argsort(-lengths, kind="stable")
    if groups is not None:
        order = order[np.argsort(groups[order], kind="stable")]
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        stop = min(start + max(budget // longest, 1), len(order))
        if groups is not None:
            same = groups[order[start:stop]] == groups[order[start]]
            stop = start + int(np.argmin(same)) if not same.all() else stop
        yield order[start:stop]
        start = stop
