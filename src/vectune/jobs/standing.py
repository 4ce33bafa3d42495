"""Where a job stands while it runs: what the workflow tells of its progress, kept for whoever asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Standing:
    """A Progress that remembers: the stage, how far it is, what was noted, and how fast everything goes."""

    clock: Callable[[], float] = time.monotonic
    name: str = ""
    done: int = 0
    total: int | None = None
    total_steps: int | None = None
    loss: float | None = None
    notes: list[str] = field(default_factory=list)
    rows_per_second: float = 0.0
    """What training told last; 0 where it tells none."""
    took: dict[str, float] = field(default_factory=dict)
    """Stages that are over, with their seconds."""
    _began: float = 0.0
    _steps: int = 0
    _first: float = 0.0
    _latest: float = 0.0
    _paces: dict[str, float] = field(default_factory=dict)
    _wholes: dict[str, float] = field(default_factory=dict)
    _counted_from: tuple[float, int] | None = None

    def stage(self, name: str, total: int | None = None) -> None:
        """A new stage begins."""
        self.took[self.name] = self.elapsed
        self.name, self.done, self.total, self._began = name, 0, total, self.clock()
        self._counted_from = None
        if name == "train":
            self.total_steps, self._steps = total, 0

    def advance(self, amount: int = 1, **values: float) -> None:
        """The stage is `amount` further; `loss` comes with each step of training."""
        self.done += amount
        self._count()
        if "loss" not in values:
            return
        self.loss = values["loss"]
        self._latest = self.clock()
        self._first = self._first if self._steps else self._latest
        self._steps += 1
        self.rows_per_second = values.get("rows_per_second", self.rows_per_second)

    def note(self, message: str) -> None:
        """Something worth an event."""
        self.notes.append(message)

    @property
    def elapsed(self) -> float:
        """Seconds of the present stage."""
        return self.clock() - self._began

    @property
    def left(self) -> int:
        """Units of the present stage that are left; 0 where nobody knows how many there are."""
        return max((self.total or 0) - self.done, 0)

    @property
    def step_seconds(self) -> float | None:
        """Seconds of a step of training, evaluations and checkpoints among them; None before there were two."""
        return None if self._steps < 2 else (self._latest - self._first) / (self._steps - 1)

    def pace(self, stage: str) -> float | None:
        """Seconds of a unit that is left in that stage, over or not; None where nothing is known.

        Units that were done at once, as texts are whose vectors are there from before, tell nothing and do not count.
        Nor do the first: they are the longest texts, and no others like them are left.
        """
        return self._paces.get(stage)

    def whole(self, stage: str) -> float | None:
        """Seconds of that stage from its beginning to its end, over or not, if all of its units had to be done; None
        where nothing is known."""
        return self._wholes.get(stage)

    def _count(self) -> None:
        now = self.clock()
        if self._counted_from is None:
            self._counted_from = (now, self.done) if self.done else None
            return
        begin, done = self._counted_from
        if self.done > done:
            pace = (now - begin) / (self.done - done)
            self._paces[self.name] = pace
            self._wholes[self.name] = max(now - self._began + pace * self.left, pace * (self.total or 0))
