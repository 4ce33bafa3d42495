"""The texts that training sees, each once, with the role that decides its prompt."""

from __future__ import annotations

import numpy as np

from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens, concatenate
from vectune.records import Role


class TextPool:
    """Hands out one number per (role, text), in the order of first sight; queries and documents are numbered apart."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Role, str], int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, text: str, role: Role) -> int:
        """The number of `text` in its role; the same text and role always get the same number."""
        return self._numbers.setdefault((role, text), len(self._numbers))

    def tokenize(self, encoder: SentenceEncoder, max_tokens: int | None) -> Tokens:
        """Token ids of every text at its number."""
        roles = [role for role, _ in self._numbers]
        order: list[int] = []
        parts: list[Tokens] = []
        for role in Role:
            numbers = [number for number, other in enumerate(roles) if other is role]
            texts = [text for other, text in self._numbers if other is role]
            order += numbers
            parts.append(encoder.tokenize(texts, role, max_tokens))
        return _reordered(concatenate(parts), np.argsort(np.array(order, dtype=np.int64)))


def _reordered(tokens: Tokens, order: Indices) -> Tokens:
    lengths = tokens.lengths[order]
    offsets = np.zeros(len(order) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    pieces = [tokens.ids[tokens.offsets[row] : tokens.offsets[row + 1]] for row in order]
    ids = np.concatenate(pieces) if pieces else tokens.ids
    return Tokens(ids, offsets, tokens.prompt_lengths[order])
