"""A model that many threads may use: encoding one at a time, reading texts beside it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Encoder, Vectors
from vectune.encode.resolve import resolve_model
from vectune.encode.token_counter import TokenCounter
from vectune.encode.tokenised import Idle, Tokenised, token_encoder
from vectune.encode.tokens import Tokens
from vectune.monitor.progress import Progress
from vectune.records import Role
from vectune.serve.once import Once

Count = Callable[[Sequence[str]], NDArray[np.int64]]
_serials = itertools.count()


def next_serial() -> int:
    """A number that no other served model has."""
    return next(_serials)


class SharedEncoder:
    """`encoder` behind a lock: runtimes and tokenizers keep state while they work.

    Texts are read without the lock where the encoder takes tokens. Elsewhere `count` counts them with a tokenizer of
    its own; without it counting waits for encoding. No two of these have the same `serial`.
    """

    def __init__(self, encoder: Encoder, count: Count | None = None) -> None:
        self._encoder = encoder
        self._count = count
        self._lock = threading.Lock()
        self.serial = next_serial()
        self.name = encoder.name
        self.dim = encoder.dim
        self.max_tokens: int | None = getattr(encoder, "max_tokens", None)

    @property
    def takes_tokens(self) -> bool:
        """Whether `read` gives tokens, for `encode_tokens`."""
        return token_encoder(self._encoder) is not None

    @property
    def reads_beside(self) -> bool:
        """Whether reading texts never waits for encoding."""
        return self._count is not None or self.takes_tokens

    def read(self, texts: Sequence[str], role: Role) -> Tokenised:
        """How many tokens each text has, and the tokens themselves for an encoder that takes them."""
        reader = token_encoder(self._encoder)
        return Tokenised(self.count_tokens(texts)) if reader is None else reader.tokenise(texts, role)

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        """Vectors of `texts`; see Encoder."""
        with self._lock:
            return self._encoder.encode(texts, role, progress)

    def encode_tokens(self, tokens: Tokens, role: Role, idle: Idle | None = None) -> Vectors:
        """Vectors of texts that `read` gave tokens of; the next caller may begin with `idle`. See TokenEncoder."""
        reader = token_encoder(self._encoder)
        assert reader is not None
        self._lock.acquire()
        let_on = Once(self._lock.release)

        def on() -> None:
            let_on()
            if idle is not None:
                idle()

        try:
            return reader.encode_tokens(tokens, role, on)
        finally:
            let_on()

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before any cut; see Encoder."""
        if self._count is not None:
            return self._count(texts)
        with self._lock:
            return self._encoder.count_tokens(texts)


def shared(encoder: Encoder, name: str) -> SharedEncoder:
    """`encoder`, opened from `name`, with a counter of its own where it needs one and the tokenizer lies here."""
    if token_encoder(encoder) is not None:
        return SharedEncoder(encoder)
    model = resolve_model(name)
    own = (Path(model.location) / "tokenizer.json").is_file()
    return SharedEncoder(encoder, TokenCounter(model).count if own else None)
