"""How a worker leaves the machine to those who wait for an answer."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def thread_variables(threads: int) -> dict[str, str]:
    """The environment of a worker with so many threads: one that waits for the others sleeps, where by default it
    would spin and take a core from the server."""
    return {
        "OMP_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "OMP_WAIT_POLICY": "PASSIVE",
        "KMP_BLOCKTIME": "0",
        "GOMP_SPINCOUNT": "0",
    }


def give_way(nice: int) -> None:
    """Lower the priority of this process by `nice`; threads that it starts have the same."""
    os.nice(nice)


def go_first() -> None:
    """When the memory of the machine is used up this process is ended before others, where the system can be told."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
