"""All weights of the model move."""

from __future__ import annotations

from pathlib import Path

from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.errors import ModelError
from vectune.train.interpolate import Weights
from vectune.train.methods.method import Start


class Full:
    """Tunes the base itself."""

    def dim(self, base: SentenceEncoder) -> int:
        """That of the base; ModelError when it has no transformer."""
        return require_transformer(base).dim

    def begin(self, base: SentenceEncoder, start: Start) -> SentenceEncoder:
        """The base."""
        return base

    def unlearnt(self, before: Weights, tuned: Weights) -> Weights:
        """The base's weights."""
        return before

    def shares(self, wanted: tuple[float, ...]) -> tuple[float, ...]:
        """Those of the config."""
        return wanted

    def finish(self, encoder: SentenceEncoder, folder: Path) -> None:
        """Nothing is left to do."""


def require_transformer(base: SentenceEncoder) -> SentenceEncoder:
    """The base, if it has a transformer; ModelError otherwise."""
    if not base.trainable:
        raise ModelError(
            f"{base.name} has no transformer to tune.",
            "Choose a transformer model as --base; a token table is tuned by --method static.",
        )
    return base
