"""An encoder whose vectors are kept on disk: each text is encoded once, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Encoder, Vectors
from vectune.encode.vector_cache import VectorCache, vector_key
from vectune.monitor.progress import Progress
from vectune.records import Role

_TEXTS_A_PART = 2048


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
            for start in range(0, len(missing), _TEXTS_A_PART):
                part = missing[start : start + _TEXTS_A_PART]
                yield range(start, start + len(part)), self._encoder.encode(part, role)

        def told(count: int) -> None:
            if progress is not None:
                progress.advance(count)

        keys = [vector_key(self._identity, role.value, text) for text in texts]
        return self._cache.through(texts, keys, fetch, told)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut; see Encoder."""
        return self._encoder.count_tokens(texts)
