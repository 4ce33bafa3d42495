"""What people see while they wait: bars in a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from vectune.monitor.progress import Silent
from vectune.monitor.progress import Progress as ProgressSeam

_LINE_SECONDS = 10.0
_NAMES = {"rows_per_second": "pairs/s", "dev": "dev"}


class Bars:
    """A Progress that draws one bar a stage with step, speed, ETA and the newest values."""

    def __init__(self, console: Console, measure: str = "dev") -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<18}"),
            BarColumn(bar_width=18),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[values]}"),
            console=console,
        )
        self._measure = measure
        self._task: TaskID | None = None
        self._values: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        self._bars.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """Finish the bar before and begin another."""
        self._finish()
        self._values = {key: value for key, value in self._values.items() if key == "dev"}
        self._task = self._bars.add_task(name, total=total, values="")

    def advance(self, amount: int = 1, **values: float) -> None:
        """Move the bar and show the values."""
        if self._task is not None:
            self._values |= values
            self._bars.update(self._task, advance=amount, values=values_line(self._values, self._measure))

    def note(self, message: str) -> None:
        """A line above the bars."""
        self._bars.console.print(message, style="dim", highlight=False)

    def _finish(self) -> None:
        if self._task is not None:
            task = next(task for task in self._bars.tasks if task.id == self._task)
            total = task.total if task.total is not None else max(task.completed, 1)
            self._bars.update(self._task, total=total, completed=total)


class Lines:
    """A Progress for logs: a line a stage, and one every ten seconds of a long stage."""

    def __init__(self, console: Console, measure: str = "dev", clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._measure = measure
        self._clock = clock
        self._name, self._total, self._done = "", 0, 0
        self._started = self._said = clock()
        self._values: dict[str, float] = {}

    def stage(self, name: str, total: int | None = None) -> None:
        """Say that a stage begins."""
        self._name, self._total, self._done = name, total or 0, 0
        self._started = self._said = self._clock()
        self._console.print(f"{name} ...", highlight=False)

    def advance(self, amount: int = 1, **values: float) -> None:
        """Say where the stage stands, at most every ten seconds."""
        self._done += amount
        self._values |= values
        now = self._clock()
        if now - self._said >= _LINE_SECONDS:
            self._said = now
            eta = (now - self._started) / max(self._done, 1) * (self._total - self._done)
            left = f"/{self._total}, about {eta:.0f} s left" if self._total else ""
            values_said = values_line(self._values, self._measure)
            self._console.print(f"{self._name} {self._done}{left}  {values_said}".rstrip(), highlight=False)

    def note(self, message: str) -> None:
        """A line."""
        self._console.print(message, highlight=False)


def values_line(values: dict[str, float], measure: str) -> str:
    """`31.2 pairs/s  loss 0.412  dev ndcg@10 0.481`."""
    parts = []
    if "rows_per_second" in values:
        parts.append(f"{values['rows_per_second']:.1f} {_NAMES['rows_per_second']}")
    if "loss" in values:
        parts.append(f"loss {values['loss']:.3f}")
    if "dev" in values:
        parts.append(f"{measure} {values['dev']:.3f}")
    return "  ".join(parts)


@contextmanager
def watching(quiet: bool = False, measure: str = "dev") -> Iterator[ProgressSeam]:
    """Bars in a terminal, lines elsewhere, nothing when quiet."""
    console = Console(stderr=True)
    if quiet:
        yield Silent()
    elif console.is_terminal:
        with Bars(console, measure) as bars:
            yield bars
    else:
        yield Lines(console, measure)


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Ctrl-C once asks the work to stop when it can save; twice ends it at once."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        Console(stderr=True).print("Stopping after this step and saving; Ctrl-C again stops at once.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
