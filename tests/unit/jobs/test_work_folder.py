"""The folder of a job: one process at a time, whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vectune.errors import Interrupted
from vectune.jobs.work_folder import held

_HOLD = """
import sys, time
from pathlib import Path
from vectune.jobs.work_folder import held
with held(Path(sys.argv[1]), lambda: None, 60):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def other_holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder and does not let go."""
    process = subprocess.Popen([sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_hold_ends_with_the_process(tmp_path: Path) -> None:
    """While another process holds the folder one waits; when that process is killed, the folder is free."""
    looks = 0
    with other_holder(tmp_path) as other:

        def look() -> None:
            nonlocal looks
            looks += 1
            if looks == 3:
                other.kill()

        with held(tmp_path, look, 60):
            assert looks >= 3
        assert other.wait(10) == -signal.SIGKILL


def test_holder_that_hangs_is_ended(tmp_path: Path) -> None:
    """A stopped process neither works nor lets go: it is ended when patience is over."""
    with other_holder(tmp_path) as other:
        os.kill(other.pid, signal.SIGSTOP)
        with held(tmp_path, lambda: None, 0.2):
            pass
        assert other.wait(10) == -signal.SIGKILL


def test_nobody_waits_for_what_is_over(tmp_path: Path) -> None:
    """What `look` raises ends the waiting, and the holder is left alone."""

    def look() -> None:
        raise Interrupted("Stopped.")

    with other_holder(tmp_path) as other:
        with pytest.raises(Interrupted), held(tmp_path, look, 60):
            raise AssertionError
        assert other.poll() is None


def test_a_process_never_ends_itself(tmp_path: Path) -> None:
    """Two threads of one process take turns, however little patience they have."""
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with held(tmp_path, lambda: None, 60):
            inside.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert inside.wait(10)
    looks = iter(range(100))

    def look() -> None:
        if next(looks) == 3:
            done.set()

    with held(tmp_path, look, 0):
        assert done.is_set()
    thread.join()
