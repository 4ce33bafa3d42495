"""How soon jobs stop: `python benchmarks/job_stops.py [--rounds 5] [--json]`.

A server with one worker tunes the packaged model on the standard library's documentation, by each method in turn. Each
job is paused while it trains, resumed, and cancelled while it trains again. Measured is the time from the request until
the job is `paused`, and until nothing of a cancelled job is at work: its folder is gone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import openai
from page import describe_machine, write_section
from servers import Server, vectune_server

from vectune.data.stdlib_docs import stdlib_pairs

METHODS = ("full", "lora", "adapter", "static")
ROWS = 2000
_PATIENCE_SECONDS = 300.0


def wait_until(ask: Callable[[], bool]) -> float:
    """Seconds until the answer is yes."""
    begin = time.monotonic()
    while not ask():
        if time.monotonic() - begin > _PATIENCE_SECONDS:
            raise RuntimeError("it took too long")
        time.sleep(0.02)
    return time.monotonic() - begin


def trained(folder: Path) -> int:
    """Steps in the log of the job's run."""
    log = folder / ".run.partial" / "metrics.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    told = [json.loads(line) for line in lines if line.endswith("}")]
    return max((entry["step"] for entry in told if entry.get("event") == "train"), default=0)


def one_job(server: Server, client: openai.OpenAI, file: str, method: str) -> tuple[float, float]:
    """Seconds until it was paused, and until it was cancelled."""
    settings = {"method": method, "n_epochs": 1000, "patience": 100_000}
    jobs = client.fine_tuning.jobs
    job = jobs.create(
        model=server.model,
        training_file=file,
        method={"type": "supervised", "supervised": {"hyperparameters": settings}},  # type: ignore[typeddict-item]
    ).id
    folder = server.log.parent / "home" / "jobs" / job
    wait_until(lambda: trained(folder) > 1)
    begin = time.monotonic()
    jobs.pause(job)
    wait_until(lambda: jobs.retrieve(job).status == "paused")
    paused = time.monotonic() - begin
    before = trained(folder)
    jobs.resume(job)
    wait_until(lambda: trained(folder) > before + 1)
    begin = time.monotonic()
    jobs.cancel(job)
    wait_until(lambda: not folder.exists())
    return paused, time.monotonic() - begin


def measure(rounds: int) -> dict[str, Any]:
    """Seconds of each round, by method."""
    rows = [{"query": pair.anchor, "positive": pair.positives[0]} for pair in islice(stdlib_pairs(), ROWS)]
    found: dict[str, Any] = {method: {"pause": [], "cancel": []} for method in METHODS}
    with vectune_server("--workers", "1", "--set", "jobs.general=false") as server:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none")
        lines = "\n".join(map(json.dumps, rows)).encode()
        file = client.files.create(file=("rows.jsonl", lines), purpose="fine-tune").id
        for _ in range(rounds):
            for method in METHODS:
                pause, cancel = one_job(server, client, file, method)
                found[method]["pause"].append(pause)
                found[method]["cancel"].append(cancel)
                print(f"{method}: paused after {pause:.1f} s, cancelled after {cancel:.1f} s", flush=True)
    return found


def as_markdown(found: dict[str, Any]) -> str:
    """One row for each method."""
    lines = [
        "| method | paused, median s | longest | cancelled, median s | longest |",
        "| --- | --: | --: | --: | --: |",
    ]
    for method, times in found.items():
        parts = [f"{value:.1f}" for kind in times.values() for value in (statistics.median(kind), max(kind))]
        lines.append(f"| {method} | {' | '.join(parts)} |")
    rounds = len(found[METHODS[0]]["pause"])
    return "\n".join([*lines, "", f"{rounds} jobs of each method. Machine: {describe_machine()}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    found = measure(given.rounds)
    print(as_markdown(found))
    if given.rounds >= 5:
        write_section("job_stops", as_markdown(found))
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
