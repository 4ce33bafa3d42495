"""Workers give way."""

from __future__ import annotations

import subprocess
import sys

from vectune.jobs.priority import thread_variables

GOES_FIRST = "from vectune.jobs.priority import go_first; go_first(); print(open('/proc/self/oom_score_adj').read())"

SCRIPT = "import os; from vectune.jobs.priority import give_way; give_way(7); print(os.nice(0))"


def test_priority_is_lowered() -> None:
    """The process has the niceness that is asked for."""
    before = subprocess.run([sys.executable, "-c", "import os; print(os.nice(0))"], capture_output=True, check=True)
    after = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    assert int(after.stdout) == min(int(before.stdout) + 7, 19)


def test_process_without_memory_goes_first() -> None:
    """The system is told to end the process before any other."""
    told = subprocess.run([sys.executable, "-c", GOES_FIRST], capture_output=True, check=True)
    assert int(told.stdout) == 1000


def test_threads_that_wait_sleep() -> None:
    """As many threads as told, for each of the libraries, and none that spins."""
    variables = thread_variables(3)
    assert variables["OMP_NUM_THREADS"] == variables["MKL_NUM_THREADS"] == "3"
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"
