"""One text at a time: a second compiled graph, in which several cores work on the same text.

In the graph for batches each core has a text of its own, which is the quicker way through many, while a lone one would
leave the others idle. What it saves: "Tried for batches", docs/benchmarks.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

from vectune.encode.backends.graph_encoder import Batch

_MOST_THREADS = 4
"""More have not been tried: a text has little work, and all wait for one another many times in it."""
_MOST_TOKENS = 1024
"""Longer texts keep to one core each, so that those who ask for short ones need not wait for all of a giant."""

Compile = Callable[[int, int], Any]
"""Makes a graph for so many threads in all, which work on so many texts at once."""


class LoneText:
    """Owns that graph, made for the second lone text: whoever encodes one text and ends, as a command does, need not
    wait for it. It shares the weights as they are in the file with the other graph, and holds those that are brought
    into order for the processor once more.

    `streams` are the texts that it works on at once, each with a part of the cores. Its methods are for one caller at a
    time.
    """

    def __init__(self, compile_for: Compile, cores: int) -> None:
        self._threads = min(cores, _MOST_THREADS)
        self.streams = cores // self._threads
        self._compile_for = compile_for if self._threads > 1 else None
        self._seen = False
        self._free: list[Any] = []

    def take(self, batch: Batch) -> Any | None:
        """What infers the lone text; None where that is the other graph's to do. It is to be given back."""
        if batch.ids.shape[1] > _MOST_TOKENS:
            return None
        if self._seen and self._compile_for is not None:
            compile_for, self._compile_for = self._compile_for, None
            try:
                graph = compile_for(self._threads * self.streams, self.streams)
                self._free = [graph.create_infer_request() for _ in range(self.streams)]
            except RuntimeError:  # no memory for it: the other graph goes on alone
                return None
        self._seen = True
        return self._free.pop() if self._free else None

    def give_back(self, request: Any) -> None:
        """It may be taken again. One that failed is not given back: the other graph, which needs less, is tried."""
        self._free.append(request)


def lone_batch(batches: Iterable[Batch]) -> tuple[Batch | None, Iterable[Batch]]:
    """The only batch where it holds a single text, else None; and all batches again."""
    left = iter(batches)
    first = next(left, None)
    if first is None or len(first.rows) > 1:
        return None, left if first is None else chain((first,), left)
    second = next(left, None)
    if second is None:
        return first, (first,)
    return None, chain((first, second), left)
