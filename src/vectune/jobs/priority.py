"""How a worker leaves the machine to those who wait for an answer."""

from __future__ import annotations

import os


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
