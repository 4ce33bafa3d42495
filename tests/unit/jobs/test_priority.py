"""Workers give way."""

from __future__ import annotations

import subprocess
import sys

from vectune.jobs.priority import thread_variables

SCRIPT = "import os; from vectune.jobs.priority import give_way; give_way(7); print(os.nice(0))"


def test_priority_is_lowered() -> None:
    """The process has the niceness that is asked for."""
    before = subprocess.run([sys.executable, "-c", "import os; print(os.nice(0))"], capture_output=True, check=True)
    after = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    assert int(after.stdout) == min(int(before.stdout) + 7, 19)


def test_threads_that_wait_sleep() -> None:
    """As many threads as told, for each of the libraries, and none that spins."""
    variables = thread_variables(3)
    assert variables["OMP_NUM_THREADS"] == variables["MKL_NUM_THREADS"] == "3"
    assert variables["OMP_WAIT_POLICY"] == "PASSIVE"
