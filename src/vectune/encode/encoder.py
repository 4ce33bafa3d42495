"""What the rest of vectune needs from a model: texts in, vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vectune.monitor.progress import Progress
from vectune.records import Role

Vectors = NDArray[np.float32]


class Encoder(Protocol):
    """A model that turns texts into vectors of one space."""

    @property
    def name(self) -> str:
        """How people call the model."""

    @property
    def dim(self) -> int:
        """Length of a full vector."""

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`, float32 [len(texts), dim], each of L2 norm 1; order kept; the role's prompt applied.

        With `progress`, advances the current stage by one a text.
        """

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut, special tokens included: int64 [len(texts)]."""
