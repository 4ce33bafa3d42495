"""The texts that training sees, each once, with the role that decides its prompt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vectune.encode.encoder import Encoder, Vectors
from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.encode.tokens import Indices, Tokens, concatenate
from vectune.monitor.progress import Progress
from vectune.records import Role

_ENCODE_BLOCK = 4096


class TextPool:
    """Hands out one number per (role, text), in the order of first sight; queries and documents are numbered apart."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[Role, str], int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, text: str, role: Role) -> int:
        """The number of `text` in its role; the same text and role always get the same number."""
        return self._numbers.setdefault((role, text), len(self._numbers))

    def __iter__(self) -> Iterator[tuple[Role, str]]:
        """Role and text of each number, from 0."""
        return iter(self._numbers)

    def encode(self, encoder: Encoder, progress: Progress | None = None) -> Iterator[Vectors]:
        """Vectors of all texts in the order of their numbers, a block at a time: float32 [block, dim], L2 norm 1."""
        texts = list(self)
        for start in range(0, len(texts), _ENCODE_BLOCK):
            block = texts[start : start + _ENCODE_BLOCK]
            vectors = np.zeros((len(block), encoder.dim), dtype=np.float32)
            for role in Role:
                places = [place for place, (other, _) in enumerate(block) if other is role]
                vectors[places] = encoder.encode([block[place][1] for place in places], role, progress)
            yield vectors

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
