"""What a method decides about a run whose weights the training loop moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vectune.encode.sentence_encoder import SentenceEncoder
from vectune.monitor.progress import Progress
from vectune.train.interpolate import Weights


@dataclass(frozen=True)
class Start:
    """What a method may build on: the texts of the train split, a folder for what is costly to make again, progress."""

    texts: Sequence[str]
    kept: Path
    progress: Progress


class Method(Protocol):
    """Which weights move, what the tuned ones are mixed with, and what is left when training is done."""

    def dim(self, base: SentenceEncoder) -> int:
        """Length of the tuned model's vectors; ModelError when the base can't be tuned so."""

    def begin(self, base: SentenceEncoder, start: Start) -> SentenceEncoder:
        """The encoder that training moves. It is the same, weight by weight, each time a run is gone on with."""

    def unlearnt(self, before: Weights, tuned: Weights) -> Weights:
        """The other end of the interpolation: weights that stand for nothing learnt, given those at the start."""

    def shares(self, wanted: tuple[float, ...]) -> tuple[float, ...]:
        """The shares of the tuned weights to try, given those of the config."""

    def finish(self, encoder: SentenceEncoder, folder: Path) -> None:
        """Leave the encoder as it is to be judged and saved; what belongs beside the model goes to `folder`."""
