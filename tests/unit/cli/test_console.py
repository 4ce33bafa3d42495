from __future__ import annotations

import io
import signal

import pytest
from rich.console import Console

from vectune.cli.console import Bars, Lines, stoppable, values_line, watching
from vectune.monitor.progress import Named, Silent


class Clock:
    """A clock that only goes on when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _screen(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None, legacy_windows=False)


def _written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_bar_of_training_shows_all(width: int) -> None:
    """Stage, step, pairs/s, time left, loss and the dev score with its measure fit the width, none of it cut."""
    console, clock = _screen(width), Clock()
    with Bars(console, clock) as bars:
        train = Named(bars, values={"dev": "dev ndcg@10"})
        train.stage("train", 1000)
        for _ in range(40):
            clock.now += 1.0
            train.advance(1, loss=0.4123, rows_per_second=31.24)
        train.advance(0, dev=0.4812)
        train.note("which draws the screen again")
    lines = _written(console).splitlines()
    running = next(line for line in reversed(lines) if "40/1,000" in line)
    assert running.split()[1] == "train"
    assert "16:00 left" in running
    assert any("31.2 pairs/s  loss 0.412  dev ndcg@10 0.481" in line for line in lines)
    assert "…" not in _written(console)


def test_finished_stages_stay_with_their_time() -> None:
    """A stage that is done keeps its bar with the time it took; the values of the last one are taken down."""
    console, clock = _screen(), Clock()
    with Bars(console, clock) as bars:
        bars.stage("load model")
        clock.now = 3.0
        bars.stage("train", 10)
        bars.advance(6, loss=0.5)
        clock.now = 65.0
        bars.stage("save")
    last = _written(console).rsplit("load model", 1)[1]
    assert "00:03" in last
    assert "6/6" in last
    assert "01:02" in last
    assert "left" not in last
    assert "loss" not in last


def test_failed_stage_is_not_shown_as_done() -> None:
    """An error leaves the bar where it stood."""
    console = _screen()

    def fail() -> None:
        with Bars(console) as bars:
            bars.stage("train", 10)
            bars.advance(6)
            raise ValueError("halfway")

    with pytest.raises(ValueError, match="halfway"):
        fail()
    assert "10/10" not in _written(console)
    assert "6/10" in _written(console).rsplit("train", 1)[1]


def test_stage_without_a_total_counts_up() -> None:
    """Where nobody knows how many rows there are, those read so far are shown; a stage that counts none shows none."""
    console = _screen()
    with Bars(console) as bars:
        bars.stage("read and check")
        bars.advance(12_000)
        bars.stage("split")
    last = _written(console).rsplit("read and check", 1)[1]
    assert "12,000" in last
    assert "0/" not in last
    assert "/?" not in last


def test_note_stands_above_the_bars() -> None:
    """A note is a line of its own, whole and without markup, and the bars go on below it."""
    console = _screen()
    with Bars(console) as bars:
        bars.stage("split", 2)
        bars.note("train: read as [pairs]")
        bars.advance(2)
    written = _written(console)
    assert any(line.strip().endswith("train: read as [pairs]") for line in written.splitlines())
    assert written.rindex("2/2") > written.index("[pairs]")


def test_lines_speak_every_ten_seconds() -> None:
    """A log gets a line a stage and then at most one every ten seconds, with step, time left and values."""
    console, clock = Console(file=io.StringIO(), width=80), Clock()
    lines = Lines(console, clock)
    lines.stage("train", 100)
    for _ in range(25):
        clock.now += 1.0
        lines.advance(1, loss=0.5, rows_per_second=10.0)
    assert _written(console).splitlines() == [
        "train ...",
        "train 10/100, about 90 s left  10.0 pairs/s  loss 0.500",
        "train 20/100, about 80 s left  10.0 pairs/s  loss 0.500",
    ]


def test_lines_begin_anew_with_each_stage() -> None:
    """Counts and values of one stage are not said in the next; without a total there is no time left."""
    console, clock = Console(file=io.StringIO(), width=20), Clock()
    lines = Lines(console, clock)
    lines.stage("train", 10)
    lines.advance(5, loss=0.5)
    lines.stage("check")
    clock.now = 11.0
    lines.advance(7_000)
    lines.note("a note that is longer than the screen is wide [sic]")
    assert _written(console).splitlines() == [
        "train ...",
        "check ...",
        "check 7,000",
        "a note that is longer than the screen is wide [sic]",
    ]


def test_values_line_names_each_value() -> None:
    """The speed comes first with its unit; other values by their names; nothing is nothing."""
    assert values_line({"loss": 0.41234, "rows_per_second": 31.24}) == "31.2 pairs/s  loss 0.412"
    assert values_line({"dev spearman": -0.5}) == "dev spearman -0.500"
    assert values_line({}) == ""


def test_watching_chooses_by_the_console() -> None:
    """Bars in a terminal, lines in a file, silence when quiet."""
    with watching(console=_screen()) as progress:
        assert isinstance(progress, Bars)
    with watching(console=Console(file=io.StringIO())) as progress:
        assert isinstance(progress, Lines)
    with watching(quiet=True, console=_screen()) as progress:
        assert isinstance(progress, Silent)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_first_signal_asks_second_ends(number: signal.Signals) -> None:
    """One signal makes `stop` true and says so; the second is a KeyboardInterrupt; the handlers before come back."""
    before = signal.getsignal(number)
    said: list[str] = []
    with stoppable(said.append) as stop:
        assert not stop()
        signal.raise_signal(number)  # to this thread: another may take what is sent to the process, and later
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before
    assert len(said) == 1
    assert "Ctrl-C again" in said[0]
