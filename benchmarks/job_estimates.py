"""How good `estimated_finish` is: `python benchmarks/job_estimates.py [--rounds 3] [--quick] [--json]`.

Jobs of each method tune the packaged model on the standard library's documentation, alone on the machine. While they
run, `estimated_finish` is read twice a second; when one is done, each estimate is compared with the end as it came. An
error is in per cent of the time that was left: 20 means that the end came 20 % later or sooner than was said.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from itertools import islice
from typing import Any

import openai
from page import describe_machine, write_section
from servers import Server, vectune_server

from vectune.data.stdlib_docs import stdlib_pairs

METHODS = {"full": 1500, "lora": 1500, "adapter": 5000, "static": 5000}
QUICK_ROWS = 500
SHARES = (0.25, 0.5, 0.75)
"""Shares of a job's time at which its estimate is looked at."""
_PATIENCE_SECONDS = 900.0
OVER = ("succeeded", "failed", "cancelled")


def watch(server: Server, client: openai.OpenAI, method: str, rows: int) -> dict[str, Any]:
    """Seconds that the job took and, at each share of them, the seconds that were left and those that were told."""
    pairs = [{"query": pair.anchor, "positive": pair.positives[0]} for pair in islice(stdlib_pairs(), rows)]
    file = client.files.create(file=("rows.jsonl", "\n".join(map(json.dumps, pairs)).encode()), purpose="fine-tune").id
    job = client.fine_tuning.jobs.create(
        model=server.model,
        training_file=file,
        method={"type": "supervised", "supervised": {"hyperparameters": {"method": method}}},  # type: ignore[typeddict-item]
    )
    told: list[tuple[float, int | None]] = []
    until = time.time() + _PATIENCE_SECONDS
    while job.status not in OVER:
        if time.time() > until:
            raise RuntimeError(f"the job of method {method} takes too long")
        time.sleep(0.5)
        job = client.fine_tuning.jobs.retrieve(job.id)
        told.append((time.time(), job.estimated_finish))
    if job.status != "succeeded":
        raise RuntimeError(f"the job of method {method} {job.status}: {job.error}")
    begin, end = float(job.created_at), told[-1][0]
    found: dict[str, Any] = {"seconds": end - begin, "at": {}}
    for share in SHARES:
        moment, estimate = min(told, key=lambda one: abs(one[0] - (begin + share * (end - begin))))
        found["at"][share] = {"left": end - moment, "told": None if estimate is None else estimate - moment}
    return found


def error(at: dict[str, float | None]) -> float | None:
    """Per cent of the time that was left; None where nothing was told."""
    left, told = at["left"], at["told"]
    return None if told is None or not left else 100 * (told - left) / left


def as_markdown(found: dict[str, list[dict[str, Any]]]) -> str:
    """One row for each method, medians of its jobs."""
    heads = " | ".join(f"at {share:.0%}, error %" for share in SHARES)
    lines = [f"| method | median s | {heads} |", f"| --- | --: | {' | '.join('--:' for _ in SHARES)} |"]
    for method, ended in found.items():
        seconds = statistics.median(job["seconds"] for job in ended)
        cells = []
        for share in SHARES:
            errors = [one for job in ended if (one := error(job["at"][share])) is not None]
            cells.append(f"{statistics.median(errors):+.0f}" if errors else "nothing told")
        lines.append(f"| {method} | {seconds:.0f} | {' | '.join(cells)} |")
    rounds = len(next(iter(found.values())))
    jobs = "1 job" if rounds == 1 else f"{rounds} jobs"
    lines += ["", f"{jobs} of each method. + means that it was done sooner than was told.", ""]
    return "\n".join([*lines, f"Machine: {describe_machine()}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one small job each, no page: a trial")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {method: [] for method in METHODS}
    with vectune_server("--workers", "1") as server:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none")
        for _ in range(1 if given.quick else given.rounds):
            for method, rows in METHODS.items():
                found[method].append(watch(server, client, method, QUICK_ROWS if given.quick else rows))
                print(f"{method}: {found[method][-1]}", flush=True)
    print(as_markdown(found))
    if not given.quick:
        write_section("job_estimates", as_markdown(found))
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
