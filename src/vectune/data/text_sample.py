"""A sample of a stream of texts that depends on the texts alone, not on their order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class TextSample:
    """The `size` distinct texts with the smallest keys, of those with at least `shortest` characters.

    Keys are hashes of the texts, so this is a uniform draw without repeats (bottom-k sketch; Cohen and Kaplan, 2007).
    """

    def __init__(self, size: int, shortest: int = 0) -> None:
        self._size, self._shortest = size, shortest
        self._held: dict[int, str] = {}
        self._limit: int | None = None

    def add(self, texts: Sequence[str], keys: NDArray[np.uint64]) -> None:
        """Offer a block of texts with their keys."""
        small = np.arange(len(keys)) if self._limit is None else np.flatnonzero(keys < np.uint64(self._limit))
        for i in small.tolist():
            if len(texts[i]) >= self._shortest:
                self._held.setdefault(int(keys[i]), texts[i])
        if len(self._held) > 2 * self._size:
            self._prune()

    def texts(self) -> list[str]:
        """The sample, in order of the keys."""
        self._prune()
        return [self._held[key] for key in sorted(self._held)]

    def _prune(self) -> None:
        kept = sorted(self._held)[: self._size]
        self._held = {key: self._held[key] for key in kept}
        if len(kept) == self._size:
            self._limit = kept[-1]
