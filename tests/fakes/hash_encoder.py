"""An encoder without a model: a text's vector is the sum of random vectors of its words, drawn by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Vectors
from vectune.monitor.progress import Progress
from vectune.records import Role


class HashEncoder:
    """Equal words give equal directions, so texts that share words are near one another. `seed` makes another space."""

    def __init__(self, dim: int = 32, seed: int = 0, name: str = "hash-encoder") -> None:
        self.name = name
        self.dim = dim
        self._seed = seed

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        vectors = np.stack([self._vector(text) for text in texts]) if texts else np.zeros((0, self.dim))
        if progress is not None:
            progress.advance(len(texts))
        return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return np.array([len(text.split()) + 2 for text in texts], dtype=np.int64)

    def _vector(self, text: str) -> NDArray[np.float64]:
        total = np.zeros(self.dim)
        for word in text.lower().split():
            digest = hashlib.blake2b(f"{self._seed}:{word}".encode(), digest_size=8).digest()
            total += np.random.default_rng(int.from_bytes(digest, "little")).standard_normal(self.dim)
        return total
