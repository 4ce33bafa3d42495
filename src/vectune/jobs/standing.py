"""Where a job stands while it runs: what the workflow tells of its progress, kept for whoever asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vectune.config import TrainConfig

_FORWARD = 3.0
"""How much faster texts are encoded than trained on, about: a backward pass costs two forward ones."""
_FIRST_JUDGED = "judge base"
_SCORED = "baseline on dev"
_MIXED = "interpolate"
_SHARES = len(TrainConfig().interpolation)
"""Each share of the tuned weights that is tried is scored on dev, as the base was before training."""
_ENDING_SECONDS = 10.0
"""What comes after judging, about, with a small base: everyday texts, export, and keeping the results."""


@dataclass
class Standing:
    """A Progress that remembers: the stage, how far it is, what was noted, and how fast training goes."""

    clock: Callable[[], float] = time.monotonic
    name: str = ""
    done: int = 0
    total: int | None = None
    total_steps: int | None = None
    loss: float | None = None
    notes: list[str] = field(default_factory=list)
    judged_twice: bool = True
    """Whether the tuned model takes as long to be judged as the base: a token table and an adapter take next to
    nothing, and so does mixing them."""
    _began: float = 0.0
    _steps: int = 0
    _first: float = 0.0
    _latest: float = 0.0
    _rows_per_second: float = 0.0
    _dev_seconds: float = 0.0

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage begins."""
        if self.name == _SCORED:
            self._dev_seconds = self.clock() - self._began
        self.name, self.done, self.total, self._began = name, 0, total, self.clock()
        if name == "train":
            self.total_steps, self._steps = total, 0

    def advance(self, amount: int = 1, **values: float) -> None:
        """The stage is `amount` further; `loss` comes with each step of training."""
        self.done += amount
        if "loss" not in values:
            return
        self.loss = values["loss"]
        self._latest = self.clock()
        self._first = self._first if self._steps else self._latest
        self._steps += 1
        self._rows_per_second = values.get("rows_per_second", self._rows_per_second)

    def note(self, message: str) -> None:
        """Something worth an event."""
        self.notes.append(message)

    def seconds_left(self, num_units: int, num_judged: int) -> float | None:
        """Seconds until the job is done, about; None where there is nothing yet to go by.

        The steps that are left go as fast as those before them, evaluations and checkpoints among them. Each share of
        the weights that is tried takes as long as dev did before training, or as those before it. Judging encodes
        twice: `num_judged` units of the test and at most a document for each of all `num_units` units. Once
        it has begun, the texts that are left go as fast as those before them.
        """
        if self.name.startswith("judge"):
            return self._judging_left()
        before = None
        if self.name == "train":
            before = self._training_left()
        elif self.name == _MIXED:
            before = self._mixing_left()
        if before is None:
            return None
        judging = 0.0
        if self._rows_per_second:
            judging = 2 * (num_units + num_judged) / (2 * _FORWARD * self._rows_per_second)
        return before + judging + _ENDING_SECONDS

    def _training_left(self) -> float | None:
        """Until the weights are mixed."""
        if self._steps < 2 or self.total is None:
            return None
        step = (self._latest - self._first) / (self._steps - 1)
        mixing = _SHARES * self._dev_seconds if self.judged_twice else 0.0
        return max(self.total - self.done, 0) * step + mixing

    def _mixing_left(self) -> float | None:
        if not self.done or not self.total:
            return None
        return (self.clock() - self._began) / self.done * max(self.total - self.done, 0)

    def _judging_left(self) -> float | None:
        if not self.done or not self.total:
            return None
        text = (self.clock() - self._began) / self.done
        models = 2 if self.name == _FIRST_JUDGED and self.judged_twice else 1
        return text * max(models * self.total - self.done, 0) + _ENDING_SECONDS
