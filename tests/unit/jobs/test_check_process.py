"""Files read through by a process of its own. Its file is a pipe that nobody writes to where it is to last."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.word_rows import labelled_texts
from vectune.config.jobs import JobsConfig
from vectune.errors import Interrupted, StorageError
from vectune.jobs.check_process import CheckApart, CheckBySize, _answer
from vectune.jobs.file_check import NO_MEMORY
from vectune.monitor.progress import Progress, Silent, Stoppable

LIMITED = JobsConfig(most_rows=10, most_memory_gib=1)


class Looks:
    """Tells the memory of a process, remembers which one was asked about, and does something to it."""

    def __init__(self, num_bytes: int = 0, act: Callable[[int], object] = lambda pid: None) -> None:
        self.pid = 0
        self._bytes = num_bytes
        self._act = act

    def __call__(self, pid: int) -> int:
        self.pid = pid
        self._act(pid)
        return self._bytes


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A file whose reading does not end."""
    path = tmp_path / "rows.jsonl"
    os.mkfifo(path)
    return path


def _is_gone(pid: int) -> bool:
    """Whether the process has ended; nobody may have asked for its status yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_says_what_reading_here_would(tmp_path: Path) -> None:
    """Good rows give no reason, bad ones one with the owner's name of the file; so do too many."""
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in labelled_texts(20)), encoding="utf-8")
    assert CheckApart(JobsConfig())(path, "mine.jsonl", Silent()) is None
    assert "more than 10 rows" in str(CheckApart(LIMITED)(path, "mine.jsonl", Silent()))
    path.write_text("no json\n" * 5, encoding="utf-8")
    reason = CheckApart(JobsConfig())(path, "mine.jsonl", Silent())
    assert "mine.jsonl" in str(reason)
    assert str(tmp_path) not in str(reason)


@pytest.mark.timeout(60)
def test_long_reason_is_heard_and_cut(tmp_path: Path) -> None:
    """What a file calls its columns may be longer than a pipe holds: it is read while the process runs, and cut."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"query" + 70_000 * " ": "some text", "x": "y"}) + "\n", encoding="utf-8")
    reason = CheckApart(JobsConfig())(path, "mine.jsonl", Silent())
    assert reason is not None
    assert 1000 < len(reason) < 3000


@pytest.mark.timeout(60)
def test_more_than_a_pipe_holds_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the process has to say, it can say it and end."""
    program = "import sys; sys.stdin.readline(); sys.stdout.write('{\"reason\": \"' + 'x' * 300_000 + '\"}')"
    real = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda command, **settings: real([sys.executable, "-c", program], **settings)
    )
    assert CheckApart(JobsConfig())(tmp_path / "any", "mine.jsonl", Silent()) == "x" * 300_000


def test_killed_process_is_a_reason(pipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A process that was killed, as by a system without memory, makes the file one that can't be used; the log tells
    by what."""
    looks = Looks(act=lambda pid: os.kill(pid, signal.SIGKILL))
    with caplog.at_level(logging.WARNING, "vectune.jobs.check_process"):
        assert CheckApart(LIMITED, looks)(pipe, "mine.jsonl", Silent()) == NO_MEMORY
    assert "signal 9" in caplog.text
    assert _is_gone(looks.pid)


def test_memory_of_a_job_is_all_it_may_hold(pipe: Path) -> None:
    """A process that holds more is ended, and the reason says how much it may."""
    looks = Looks((1 << 30) + 1)
    assert "more than 1 GiB of memory" in str(CheckApart(LIMITED, looks)(pipe, "mine.jsonl", Silent()))
    assert _is_gone(looks.pid)


def test_minutes_of_a_job_are_all_it_may_take(pipe: Path) -> None:
    """A process that takes longer is ended, and the reason says how long it may take."""
    times = iter(range(0, 10_000, 50))
    config = JobsConfig(most_rows=10, most_minutes=2)
    check = CheckApart(config, clock=lambda: float(next(times)))
    assert "more than 2 minutes" in str(check(pipe, "mine.jsonl", Silent()))


def test_work_that_is_stopped_ends_the_process(pipe: Path) -> None:
    """Who is asked to stop leaves no process behind."""
    looks = Looks()
    with pytest.raises(Interrupted):
        CheckApart(LIMITED, looks)(pipe, "mine.jsonl", Stoppable(Silent(), lambda: looks.pid > 0))
    assert _is_gone(looks.pid)


def test_signals_to_the_whole_group_are_left_to_the_server(pipe: Path) -> None:
    """Ctrl-C and a stop of all processes say nothing about the file: the process goes on until it is ended."""
    told: list[int] = []

    def signal_once_it_reads(pid: int) -> None:
        try:
            writing = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
            told.append(number)
        os.write(writing, b"{}\n" * 11)
        os.close(writing)

    reason = CheckApart(LIMITED, Looks(act=signal_once_it_reads))(pipe, "mine.jsonl", Silent())
    assert told == [signal.SIGINT, signal.SIGTERM]
    assert "more than 10 rows" in str(reason)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_process_that_was_asked_to_end_says_nothing_of_the_file(number: signal.Signals) -> None:
    """One that such a signal ended, before it could leave it to the server, leaves the file to the next start."""
    with pytest.raises(Interrupted):
        _answer(-number, b"")


def test_fault_of_the_process_is_no_fault_of_the_file(tmp_path: Path) -> None:
    """What nobody foresaw, here a folder in place of a file, is an error of the server's."""
    with pytest.raises(StorageError, match="status 1"):
        CheckApart(LIMITED)(tmp_path, "mine.jsonl", Silent())


PARENT = """
import sys
from pathlib import Path
from tests.unit.jobs.test_check_process import LIMITED
from vectune.jobs.check_process import CheckApart
from vectune.monitor.progress import Silent

def told(pid):
    print(pid, flush=True)
    return 0

CheckApart(LIMITED, told)(Path(sys.argv[1]), "mine.jsonl", Silent())
"""


def test_process_ends_with_the_server(pipe: Path) -> None:
    """`kill -9` of who started it ends the process too."""
    with subprocess.Popen([sys.executable, "-c", PARENT, str(pipe)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert not _is_gone(pid)
        parent.kill()
    until = time.monotonic() + 60
    while not _is_gone(pid):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_large_files_are_read_apart(tmp_path: Path) -> None:
    """Up to so many bytes a file is read here, beyond that by a process."""

    def check(where: str) -> Callable[[Path, str, Progress], str | None]:
        return lambda path, name, progress: f"{where} {name}"

    path = tmp_path / "rows.jsonl"
    for size, where in ((0, "here"), (9, "here"), (10, "apart")):
        path.write_bytes(b"x" * size)
        assert CheckBySize(check("here"), check("apart"), 9)(path, "a", Silent()) == f"{where} a"
