"""One text at a time: a second compiled graph, in which all cores work on the same text.

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


class LoneText:
    """Owns that graph, made by `compile_for` (threads) for the second lone text: whoever encodes one text and ends, as
    a command does, need not wait for it. It shares the weights as they are in the file with the other graph, and holds
    those that are brought into order for the processor once more.
    """

    def __init__(self, compile_for: Callable[[int], Any], cores: int) -> None:
        self._compile_for = compile_for
        self._threads = min(cores, _MOST_THREADS)
        self._wanted = self._threads > 1
        self._seen = False
        self._request: Any = None

    def request(self) -> Any | None:
        """What infers a lone text; None where that is the other graph's to do. For one caller at a time."""
        if self._request is None and self._seen and self._wanted:
            self._wanted = False  # where it fails for want of memory, the other graph goes on alone
            try:
                self._request = self._compile_for(self._threads).create_infer_request()
            except RuntimeError:
                return None
        self._seen = True
        return self._request


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
