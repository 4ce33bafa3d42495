"""A model that many threads may use: encoding one at a time, counting tokens beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vectune.config.remote import is_remote
from vectune.encode.encoder import Encoder, Vectors
from vectune.encode.resolve import resolve_model
from vectune.encode.token_counter import TokenCounter
from vectune.monitor.progress import Progress
from vectune.records import Role

Count = Callable[[Sequence[str]], NDArray[np.int64]]


class SharedEncoder:
    """`encoder` behind a lock: runtimes and tokenizers keep state while they work.

    `count` counts tokens without the lock, with a tokenizer of its own; without it counting waits for encoding.
    """

    def __init__(self, encoder: Encoder, count: Count | None = None) -> None:
        self._encoder = encoder
        self._count = count
        self._lock = threading.Lock()
        self.name = encoder.name
        self.dim = encoder.dim
        self.max_tokens: int | None = getattr(encoder, "max_tokens", None)

    @property
    def counts_beside(self) -> bool:
        """Whether counting tokens never waits for encoding."""
        return self._count is not None

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`; see Encoder."""
        with self._lock:
            return self._encoder.encode(texts, role, progress)

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut; see Encoder."""
        if self._count is not None:
            return self._count(texts)
        with self._lock:
            return self._encoder.count_tokens(texts)


def shared(encoder: Encoder, name: str) -> SharedEncoder:
    """`encoder`, opened from `name`, with a counter of its own where the model's tokenizer lies on this machine."""
    if is_remote(name):
        return SharedEncoder(encoder, encoder.count_tokens)  # it counts words: nothing to lock
    model = resolve_model(name)
    own = (Path(model.location) / "tokenizer.json").is_file()
    return SharedEncoder(encoder, TokenCounter(model).count if own else None)
