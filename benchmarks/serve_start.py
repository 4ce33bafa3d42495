"""How soon a server is ready: `python benchmarks/serve_start.py [--rounds 5] [--json]`.

`vectune serve` of the packaged model is started on an empty home, in turns with an empty cache, as at the very first
start, and with the cache that such a start left. Told is how long after the command `/healthz` and `/readyz` answer
with 200, each asked anew every 20 ms, and after how long the very first start has its graph, which is made by a process
beside it: from then on it answers as quickly as later ones.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from page import describe_machine, is_partial, write_section
from servers import PATIENCE_SECONDS, Server, start_vectune

FIRST, LATER = "the very first", "with its cache"
_EVERY_SECONDS = 0.02
_HAS_ITS_GRAPH = b"graph from now on"
"""What the server's log says then."""


def one_start(cache: Path, *, first: bool) -> dict[str, float]:
    """Seconds from the command to each moment; the first start is watched until it has its graph."""
    with tempfile.TemporaryDirectory(prefix="vectune-bench-") as folder:
        begin = time.perf_counter()
        server = start_vectune(Path(folder), "--workers", "0", environment={"VECTUNE_CACHE": str(cache)})
        try:
            found = {}
            for path in ("healthz", "readyz"):
                found[path] = _seconds(server, begin, partial(_is_200, server, path))
            if first:
                found["graph"] = _seconds(server, begin, lambda: _HAS_ITS_GRAPH in server.log.read_bytes())
            return found
        finally:
            server.end()


def _seconds(server: Server, begin: float, happened: Callable[[], bool]) -> float:
    """From `begin` until it `happened`; RuntimeError with the end of the log when that takes too long or it dies."""
    while time.perf_counter() - begin < PATIENCE_SECONDS and server.process.poll() is None:
        if happened():
            return time.perf_counter() - begin
        time.sleep(_EVERY_SECONDS)
    raise RuntimeError(f"the server did not come so far: {server.log.read_text(errors='replace')[-500:]}")


def _is_200(server: Server, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.HTTPError, OSError):
        return False


def measure(rounds: int) -> dict[str, Any]:
    """Seconds to each moment by start, each the median and the longest of all rounds."""
    seen: dict[str, list[dict[str, float]]] = {FIRST: [], LATER: []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="vectune-cache-") as cache:
            seen[FIRST].append(one_start(Path(cache), first=True))
            seen[LATER].append(one_start(Path(cache), first=False))
    starts = {
        name: {
            moment: {"median": statistics.median(times), "longest": max(times)}
            for moment in ones[0]
            if (times := [one[moment] for one in ones])
        }
        for name, ones in seen.items()
    }
    return {"rounds": rounds, "starts": starts}


def as_markdown(found: dict[str, Any]) -> str:
    """A row for each start, the longest of each in brackets."""
    lines = ["| start | /healthz, s | /readyz, s | with its graph, s |", "| --- | --: | --: | --: |"]
    for name, moments in found["starts"].items():
        cells = [f"{one['median']:.2f} ({one['longest']:.2f})" for one in moments.values()]
        lines.append(f"| {name} | {' | '.join([*cells, 'at once'][:3])} |")
    return "\n".join([*lines, "", f"{found['rounds']} rounds. Machine: {describe_machine()}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    found = measure(given.rounds)
    print(as_markdown(found))
    write_section("serve_start", as_markdown(found), partial=is_partial(parser, given))
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
