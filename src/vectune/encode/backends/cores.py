"""How many cores this process may use."""

from __future__ import annotations

import os
from collections.abc import Mapping


def usable_cores(environment: Mapping[str, str] = os.environ) -> int:
    """Cores that the process may run on, at most OMP_NUM_THREADS where that is set; at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux alone has it
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    told = environment.get("OMP_NUM_THREADS", "").split(",")[0]
    return max(min(cores, int(told)) if told.isdigit() and int(told) else cores, 1)
