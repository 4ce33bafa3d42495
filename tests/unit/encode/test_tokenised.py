"""Encoders that can be handed tokens."""

from __future__ import annotations

from tests.fakes.hash_encoder import HashEncoder
from vectune.encode.tokenised import token_encoder


def test_encoders_that_take_tokens_say_so() -> None:
    """One without the word is asked by texts; the word alone decides."""
    encoder = HashEncoder()
    assert token_encoder(encoder) is None
    encoder.takes_tokens = True  # type: ignore[attr-defined]
    assert token_encoder(encoder) is encoder
