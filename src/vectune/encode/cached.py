"""An encoder whose vectors are kept on disk: each text is encoded once, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Encoder, Vectors
from vectune.encode.tokens import spread
from vectune.encode.vector_cache import VectorCache, vector_key
from vectune.monitor.progress import Progress
from vectune.records import Role

_TEXTS_A_PART = 256
"""Encoded, kept and told together; they are of about one length, so that padding stays small. Parts are as many as need
be and equal to one text, so that what a kill left over is cut as before: in its last bits a vector depends on the texts
that it is encoded with, and training that goes on is to see the very vectors that it would have seen."""


class CachedEncoder:
    """Gives the vectors of `encoder` through `cache`; `identity` names what decides them, beside role and text."""

    def __init__(self, encoder: Encoder, cache: VectorCache, identity: str) -> None:
        self._encoder = encoder
        self._cache = cache
        self._identity = identity

    @property
    def name(self) -> str:
        """How people call the model."""
        return self._encoder.name

    @property
    def dim(self) -> int:
        """Length of a full vector."""
        return self._encoder.dim

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`, float32 [len(texts), dim], each of L2 norm 1; see Encoder."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)

        def fetch(missing: list[str]) -> Iterator[tuple[Sequence[int], Vectors]]:
            longest_first = np.argsort([-len(text) for text in missing], kind="stable")
            parts = np.array_split(longest_first, -(-len(missing) // _TEXTS_A_PART))
            for rows in (parts[place].tolist() for place in spread(len(parts))):
                yield rows, self._encoder.encode([missing[row] for row in rows], role)

        def told(count: int) -> None:
            if progress is not None:
                progress.advance(count)

        keys = [vector_key(self._identity, role.value, text) for text in texts]
        return self._cache.through(texts, keys, fetch, told)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut; see Encoder."""
        return self._encoder.count_tokens(texts)
