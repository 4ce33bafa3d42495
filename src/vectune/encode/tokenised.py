"""Texts read once: the ids that a model takes and the counts that people are told, from one pass of the tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vectune.encode.encoder import Encoder, Vectors
from vectune.encode.tokens import Tokens
from vectune.records import Role

Idle = Callable[[], None]


@dataclass(frozen=True)
class Tokenised:
    """`counts`: tokens of each text before any cut, special tokens included, without a prompt: int64 [texts].

    `tokens` are the ids as the model reads them, the role's prompt in front, cut; None for a model that reads texts
    alone.
    """

    counts: NDArray[np.int64]
    tokens: Tokens | None = None


class TokenEncoder(Encoder, Protocol):
    """An encoder that can be handed what it would read, so that nothing is tokenised twice."""

    def tokenise(self, texts: Sequence[str], role: Role) -> Tokenised:
        """`texts` as `encode_tokens` takes them. May be called from any thread, beside encoding too."""

    def encode_tokens(self, tokens: Tokens, role: Role, idle: Idle | None = None) -> Vectors:
        """The vectors that `encode` gives for the texts of `tokens`: float32 [len(tokens), dim], L2 norm 1.

        `idle` is called at most once, by the caller's thread, as soon as a core has nothing more to do; another thread
        may then call this too. An encoder that does one thing at a time never calls it.
        """


def token_encoder(encoder: Any) -> TokenEncoder | None:
    """`encoder` as one that takes tokens; None where it reads texts alone."""
    found: TokenEncoder | None = encoder if getattr(encoder, "takes_tokens", False) else None
    return found
