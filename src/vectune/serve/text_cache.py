"""Vectors of exact texts that were asked for before, the ones unused longest let go."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Vectors
from vectune.records import Role

_Key = tuple[int, Role, bytes]
_ENTRY_BYTES = 400
"""What an entry takes beside its values: key, array and places in the table, about."""


@dataclass(frozen=True, eq=False)
class Known:
    """A text's full vector, float32 [dim], and how many tokens the text has."""

    vector: NDArray[np.float32]
    tokens: int


class TextCache:
    """Owns at most `most_bytes` of vectors, for any thread; with 0 it keeps nothing.

    Vectors belong to a loaded model, known by its `serial`: one that is loaded anew begins without any. Texts
    themselves are not kept, only their SHA-256.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, Known] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0

    @property
    def on(self) -> bool:
        """Whether anything is kept at all."""
        return self._most_bytes > 0

    @property
    def bytes(self) -> int:
        """Memory that the entries take, about."""
        return self._bytes

    @property
    def hits(self) -> int:
        """Texts that were known."""
        return self._hits

    @property
    def misses(self) -> int:
        """Texts that were not."""
        return self._misses

    def get(self, serial: int, role: Role, texts: Sequence[str]) -> list[Known | None]:
        """What is known of each text, None where nothing is."""
        keys = [_key(serial, role, text) for text in texts]
        with self._lock:
            found = [self._entries.get(key) for key in keys]
            for key, known in zip(keys, found, strict=True):
                if known is not None:
                    self._entries.move_to_end(key)
            hits = sum(known is not None for known in found)
            self._hits += hits
            self._misses += len(found) - hits
        return found

    def put(
        self, serial: int, role: Role, texts: Sequence[str], tokens: NDArray[np.int64], vectors: Vectors
    ) -> None:  # fmt: skip
        """Keep `vectors` [texts, dim] and the `tokens` of each."""
        made = [
            (_key(serial, role, text), Known(vector.copy(), int(count)))
            for text, vector, count in zip(texts, vectors, tokens, strict=True)
        ]
        with self._lock:
            for key, known in made:
                if key not in self._entries:
                    self._bytes += _bytes(known)
                self._entries[key] = known
                self._entries.move_to_end(key)
            while self._bytes > self._most_bytes:
                _, gone = self._entries.popitem(last=False)
                self._bytes -= _bytes(gone)

    def forget(self, serial: int) -> None:
        """Let go what belongs to the model of that serial."""
        with self._lock:
            for key in [key for key in self._entries if key[0] == serial]:
                self._bytes -= _bytes(self._entries.pop(key))


def _key(serial: int, role: Role, text: str) -> _Key:
    return serial, role, hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _bytes(known: Known) -> int:
    return known.vector.nbytes + _ENTRY_BYTES
