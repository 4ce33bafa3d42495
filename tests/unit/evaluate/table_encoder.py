"""An encoder whose vectors are written down, so that a test knows every cosine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Vectors
from vectune.monitor.progress import Progress
from vectune.records import Role


class TableEncoder:
    """Looks each text up and normalises its vector; remembers what it was asked, by role."""

    def __init__(self, table: Mapping[str, Sequence[float]]) -> None:
        self.name = "table-encoder"
        self._table = {text: np.array(vector, dtype=np.float32) for text, vector in table.items()}
        self.dim = len(next(iter(self._table.values())))
        self.asked: list[tuple[Role, str]] = []

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        self.asked += [(role, text) for text in texts]
        vectors = np.stack([self._table[text] for text in texts])
        if progress is not None:
            progress.advance(len(texts))
        return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)).astype(np.float32)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        return np.ones(len(texts), dtype=np.int64)
