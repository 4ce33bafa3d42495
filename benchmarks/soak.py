"""Full load on a live server for a long time: `python benchmarks/soak.py [--minutes 30] [--json] [--quick]`.

64 clients ask without a pause, queries, documents and requests of 16 texts mixed, every text new. Errors are counted;
the server's resident memory is read every few seconds. After the warm-up (a tenth of the time, a minute at least) it
must stay within 5 % of its mean at the warm-up's end.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import threading
import time
from pathlib import Path
from typing import Any

from page import describe_machine, write_section
from servers import Server, put_load, vectune_server
from texts import bodies, texts

CLIENTS = 64
MOST_GROWTH = 0.05
PATIENT_SECONDS = 300
"""How long the queue may get here: all clients are to be answered, none told to come back."""
_LOOK_SECONDS = 2.0
_TENTHS = 10
_TEXTS_A_REQUEST = 16
_BODIES = 20_000
_PART_SECONDS = 60.0
_LEAST_WARM_SECONDS = 60.0


def mixed(model: str, seed: int) -> list[str]:
    """Requests of all sizes: mostly one query, some documents, some lists."""
    draw = random.Random(seed)
    short, long = bodies("queries", _BODIES // 2, model, seed), bodies("documents", _BODIES // 4, model, seed)
    known = texts("queries") + texts("documents")
    lists = [
        json.dumps({"model": model, "input": [f"{draw.choice(known)} {seed} {n} {k}" for k in range(_TEXTS_A_REQUEST)]})
        for n in range(_BODIES // 20)
    ]
    every = [*short, *long, *lists]
    draw.shuffle(every)
    return every


def resident_mib(pid: int) -> float:
    """What the process holds in memory now."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else 0.0


class MemoryLog:
    """Reads the memory of a process every few seconds in a thread, until told to end."""

    def __init__(self, pid: int) -> None:
        self.samples: list[tuple[float, float]] = []
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._begin = time.monotonic()
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                self.samples.append((time.monotonic() - self._begin, resident_mib(self._pid)))
            except OSError:
                return


def judge(samples: list[tuple[float, float]], warm_seconds: float) -> dict[str, float]:
    """Mean memory just after the warm-up and at the end, and how far it went from the first at most, as a share."""
    after = [mib for moment, mib in samples if moment >= warm_seconds]
    tenth = max(len(after) // 10, 1)
    first, last = statistics.mean(after[:tenth]), statistics.mean(after[-tenth:])
    most = max(abs(mib - first) for mib in after) / first
    return {"mib_after_warm_up": first, "mib_at_end": last, "growth": (last - first) / first, "most_deviation": most}


def over_time(samples: list[tuple[float, float]]) -> list[float]:
    """Mean memory in each tenth of the time: whether it levels off or goes on growing."""
    if not samples:
        return []
    end = samples[-1][0]
    tenths: list[list[float]] = [[] for _ in range(_TENTHS)]
    for moment, mib in samples:
        tenths[min(int(moment / end * _TENTHS), _TENTHS - 1)].append(mib)
    return [statistics.mean(found) for found in tenths if found]


def soak(server: Server, minutes: float) -> dict[str, Any]:
    """The load in parts of a minute, so that no text comes twice."""
    memory = MemoryLog(server.process.pid)
    statuses: dict[str, int] = {}
    rates, slowest, p99 = [], 0.0, []
    begin, part = time.monotonic(), 0
    while (left := minutes * 60 - (time.monotonic() - begin)) > 1:
        part += 1
        found = put_load(server, mixed(server.model, part), CLIENTS, min(_PART_SECONDS, left), warm_seconds=0.0)
        rates.append(found["rate"])
        p99.append(found["p99"])
        slowest = max(slowest, found["slowest"])
        for status, count in found["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
        if found["closed"]:
            statuses["closed"] = statuses.get("closed", 0) + found["closed"]
    memory.end()
    seconds = time.monotonic() - begin
    warm = max(seconds / 10, min(_LEAST_WARM_SECONDS, seconds / 3))
    errors = sum(count for status, count in statuses.items() if status != "200")
    return {
        "minutes": seconds / 60, "requests": sum(statuses.values()), "statuses": statuses, "errors": errors,
        "rate": statistics.mean(rates), "p99": statistics.median(p99), "slowest": slowest,
        **judge(memory.samples, warm), "mib_over_time": over_time(memory.samples),
        "log": server.log.read_text(errors="replace")[-500:],
    }  # fmt: skip


def as_markdown(found: dict[str, Any]) -> str:
    flat = abs(found["growth"]) <= MOST_GROWTH and found["most_deviation"] <= MOST_GROWTH
    return "\n".join(
        [
            f"{found['minutes']:.0f} minutes, {CLIENTS} clients: {found['requests']:,} requests, {found['errors']} "
            f"errors, {found['rate']:,.0f} requests/s (of one text or {_TEXTS_A_REQUEST}), p99 {found['p99']:.0f} ms, "
            f"the slowest {found['slowest']:.0f} ms.",
            f"Resident memory {found['mib_after_warm_up']:,.0f} MiB after the warm-up, {found['mib_at_end']:,.0f} MiB "
            f"at the end, at most {found['most_deviation']:.1%} away from the first: {'flat' if flat else 'not flat'} "
            f"within {MOST_GROWTH:.0%}. In each tenth of the time: "
            f"{', '.join(f'{mib:,.0f}' for mib in found['mib_over_time'])} MiB.",
            "",
            f"Machine: {describe_machine()}.",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--quick", action="store_true", help="one minute, no page: a trial")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    with vectune_server("--workers", "0", "--set", f"waiting_seconds={PATIENT_SECONDS}") as server:
        found = soak(server, 1.0 if given.quick else given.minutes)
    page = as_markdown(found)
    print(page)
    if not given.quick:
        write_section("soak", page)
    if given.json:
        print(json.dumps(found))
    if found["errors"] or found["most_deviation"] > MOST_GROWTH:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
