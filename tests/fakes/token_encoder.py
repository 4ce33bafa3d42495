"""HashEncoder that takes tokens: each word is a token of its own number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.fakes.hash_encoder import HashEncoder
from vectune.encode.encoder import Vectors
from vectune.encode.tokenised import Idle, Tokenised
from vectune.encode.tokens import Tokens, pack
from vectune.monitor.progress import Progress
from vectune.records import Role


class TokenEncoder(HashEncoder):
    """Reads at most `max_tokens` words of a text; remembers what it was given as texts (`as_texts`) and how many texts
    were read (`num_read`)."""

    takes_tokens = True

    def __init__(self, dim: int = 32, name: str = "token-encoder", max_tokens: int = 100) -> None:
        super().__init__(dim, name=name)
        self.max_tokens = max_tokens
        self.as_texts: list[str] = []
        self.batches: list[int] = []
        self.num_read = 0
        self._words: list[str] = []

    def tokenise(self, texts: Sequence[str], role: Role) -> Tokenised:
        self.num_read += len(texts)
        lists = [[self._number(word) for word in text.split()] for text in texts]
        counts = np.array([len(numbers) for numbers in lists], dtype=np.int64)
        return Tokenised(counts, pack([numbers[: self.max_tokens] for numbers in lists]))

    def encode_tokens(self, tokens: Tokens, role: Role, idle: Idle | None = None) -> Vectors:
        self.batches.append(len(tokens))
        parts = np.split(tokens.ids, tokens.offsets[1:-1])
        return super().encode([" ".join(self._words[number] for number in part) for part in parts], role)

    def encode(self, texts: Sequence[str], role: Role = Role.DOCUMENT, progress: Progress | None = None) -> Vectors:
        self.as_texts += texts
        return super().encode(texts, role, progress)

    def _number(self, word: str) -> int:
        if word not in self._words:
            self._words.append(word)
        return self._words.index(word)
