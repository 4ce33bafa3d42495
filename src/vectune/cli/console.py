"""What people see while they wait: bars in a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Self

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from vectune.monitor.progress import Progress as ProgressSeam
from vectune.monitor.progress import Silent

_LINE_SECONDS = 10.0
_SPEED = "rows_per_second"


class Bars:
    """A Progress that draws one bar a stage with step and ETA; speed and newest values stand in a line below."""

    def __init__(self, console: Console, get_time: Callable[[], float] | None = None) -> None:
        self._bars = _StageBars(
            SpinnerColumn(finished_text="[green]\N{CHECK MARK}"),
            TextColumn("{task.description:<16}", markup=False),
            BarColumn(bar_width=20),
            _Count(),
            _Time(compact=True, elapsed_when_finished=True),
            console=console,
            get_time=get_time,
        )
        self._task: TaskID | None = None
        self._values: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._finish()
        self._bars.below = ""
        self._bars.stop()

    def stage(self, name: str, total: int | None = None) -> None:
        """Finish the bar before and begin another."""
        self._finish()
        self._values, self._bars.below = {}, ""
        self._task = self._bars.add_task(name, total=total, foretold=total is not None)

    def advance(self, amount: int = 1, **values: float) -> None:
        """Move the bar and show the values."""
        if self._task is not None:
            self._values |= values
            self._bars.below = values_line(self._values)
            self._bars.update(self._task, advance=amount)

    def note(self, message: str) -> None:
        """A line above the bars."""
        self._bars.console.print(Text(message, style="dim"))
        self._bars.refresh()

    def _finish(self) -> None:
        """Fill the bar, also where fewer steps were needed than thought, or nobody knew how many."""
        if self._task is None:
            return
        task = self._bars.tasks[-1]
        self._bars.update(self._task, total=max(task.completed, 1), completed=max(task.completed, 1))


class _StageBars(Progress):
    """Bars with one line of text below the newest."""

    below = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.below:
            yield Text(f"  {self.below}", no_wrap=True, overflow="ellipsis")


class _Count(ProgressColumn):
    """`45/180`, or `12,000` where nobody knows how many there will be; nothing for a stage that counts nothing."""

    def render(self, task: Task) -> Text:
        done = int(task.completed)
        if task.total is None or not task.fields["foretold"]:
            return Text(f"{done:,}" if done > 1 else "", justify="right")
        return Text(f"{done:,}/{int(task.total):,}", justify="right")


class _Time(TimeRemainingColumn):
    """`00:20 left` while a stage whose length is known runs, the time it took when it is done."""

    def render(self, task: Task) -> Text:
        time_said = super().render(task)
        return time_said if task.finished or task.total is None else time_said.append(" left")


class Lines:
    """A Progress for logs: a line a stage, and one every ten seconds of a long stage."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._name, self._total, self._done = "", 0, 0
        self._started = self._said = clock()
        self._values: dict[str, float] = {}

    def stage(self, name: str, total: int | None = None) -> None:
        """Say that a stage begins."""
        self._name, self._total, self._done, self._values = name, total or 0, 0, {}
        self._started = self._said = self._clock()
        self._say(f"{name} ...")

    def advance(self, amount: int = 1, **values: float) -> None:
        """Say where the stage stands, at most every ten seconds."""
        self._done += amount
        self._values |= values
        now = self._clock()
        if now - self._said >= _LINE_SECONDS:
            self._said = now
            eta = (now - self._started) / max(self._done, 1) * max(self._total - self._done, 0)
            left = f"/{self._total:,}, about {eta:.0f} s left" if self._total else ""
            self._say(f"{self._name} {self._done:,}{left}  {values_line(self._values)}".rstrip())

    def note(self, message: str) -> None:
        """A line."""
        self._say(message)

    def _say(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


def values_line(values: Mapping[str, float]) -> str:
    """`31.2 pairs/s  loss 0.412  dev ndcg@10 0.481`: the speed first, the others by their names."""
    speed = [f"{values[_SPEED]:.1f} pairs/s"] if _SPEED in values else []
    return "  ".join([*speed, *(f"{name} {value:.3f}" for name, value in values.items() if name != _SPEED)])


@contextmanager
def watching(quiet: bool = False, console: Console | None = None) -> Iterator[ProgressSeam]:
    """Bars in a terminal, lines elsewhere, nothing when quiet."""
    console = console or Console(stderr=True)
    if quiet:
        yield Silent()
    elif console.is_terminal:
        with Bars(console) as bars:
            yield bars
    else:
        yield Lines(console)


@contextmanager
def stoppable(say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Ctrl-C once asks the work to stop when it can save; twice ends it at once.

    `say` tells people so; it must be a note of what draws the bars, since any other writing would break them.
    """
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        say("Stopping and saving; Ctrl-C again stops at once.")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
