"""Embedding latency while a job trains on the same machine: `python benchmarks/serve_beside_job.py [--quick] [--json]`.

One server with one worker. Queries are asked by 1 and by 8 clients without a pause, first with no job, then while a
job trains the packaged model on the standard library's documentation, then with no job again. The ratio is that of the
p95 beside the job to the p95 without one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import urllib.request
from itertools import islice
from typing import Any

from page import describe_machine, write_section
from servers import Server, put_load, vectune_server
from texts import bodies

CLIENTS = (1, 8)
ROWS = 3000
_WAIT_SECONDS = 300.0


def call(server: Server, method: str, path: str, raw: bytes | None = None, kind: str = "application/json") -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}{path}", raw, {"content-type": kind}, method=method
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def start_job(server: Server, rows: int) -> str:
    """Upload pairs and begin a job that outlasts the measurement; its id once it trains."""
    from vectune.data.stdlib_docs import stdlib_pairs

    lines = [json.dumps({"query": pair.anchor, "positive": pair.positives[0]}) for pair in islice(stdlib_pairs(), rows)]
    mark = "----bench"
    parts = [
        f'--{mark}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n',
        f'--{mark}\r\ncontent-disposition: form-data; name="file"; filename="rows.jsonl"\r\n\r\n',
        "\n".join(lines), f"\r\n--{mark}--\r\n",
    ]  # fmt: skip
    file = call(server, "POST", "/v1/files", "".join(parts).encode(), f"multipart/form-data; boundary={mark}")
    settings = {"n_epochs": 200, "patience": 1000}
    body = {
        "model": server.model, "training_file": file["id"],
        "method": {"type": "supervised", "supervised": {"hyperparameters": settings}},
    }  # fmt: skip
    name = str(call(server, "POST", "/v1/fine_tuning/jobs", json.dumps(body).encode())["id"])
    until = time.monotonic() + _WAIT_SECONDS
    while steps(server, name) < 2:
        if time.monotonic() > until:
            raise RuntimeError(f"the job does not train: {call(server, 'GET', f'/v1/fine_tuning/jobs/{name}')}")
        time.sleep(0.5)
    return name


def steps(server: Server, job: str) -> int:
    """Steps that the job has trained, by the log of its run."""
    log = server.log.parent / "home" / "jobs" / job / ".run.partial" / "metrics.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    told = [json.loads(line) for line in lines if line.endswith("}")]
    return max((entry["step"] for entry in told if entry.get("event") == "train"), default=0)


def latencies(server: Server, seconds: float, seed: int) -> dict[int, dict[str, Any]]:
    """What each number of clients found."""
    return {
        clients: put_load(
            server, bodies("queries", int(3000 * (seconds + 1)), server.model, seed + clients), clients, seconds
        )
        for clients in CLIENTS
    }


def measure(seconds: float, rows: int) -> dict[str, Any]:
    with vectune_server("--workers", "1", "--set", "jobs.general=false") as server:
        before = latencies(server, seconds, seed=0)
        job = start_job(server, rows)
        first, begin = steps(server, job), time.monotonic()
        beside = latencies(server, seconds, seed=100)
        speed = (steps(server, job) - first) / (time.monotonic() - begin)
        call(server, "POST", f"/v1/fine_tuning/jobs/{job}/cancel", b"")
        time.sleep(5)
        after = latencies(server, seconds, seed=200)
    found: dict[str, Any] = {"steps_a_second_beside": speed, "clients": {}}
    for clients in CLIENTS:
        idle = statistics.mean([before[clients]["p95"], after[clients]["p95"]])
        found["clients"][clients] = {
            "idle": before[clients], "beside": beside[clients], "after": after[clients],
            "ratio_p95": beside[clients]["p95"] / idle,
        }  # fmt: skip
    found["ratio_p95"] = max(one["ratio_p95"] for one in found["clients"].values())
    return found


def as_markdown(found: dict[str, Any]) -> str:
    lines = ["| clients | when | requests/s | p50 ms | p95 ms | p99 ms |", "| --: | --- | --: | --: | --: | --: |"]
    named = {"idle": "no job", "beside": "a job trains", "after": "no job again"}
    for clients, one in found["clients"].items():
        for when, said in named.items():
            part = one[when]
            times = f"{part['p50']:.1f} | {part['p95']:.1f} | {part['p99']:.1f}"
            lines.append(f"| {clients} | {said} | {part['rate']:,.0f} | {times} |")
    lines += [
        "",
        f"p95 beside a job: {found['ratio_p95']:.1f} times that without one, at worst. The job went on at "
        f"{found['steps_a_second_beside']:.2f} steps a second meanwhile.",
        "",
        f"Machine: {describe_machine()}.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds each, no page: a trial")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    found = measure(4.0 if given.quick else given.seconds, 600 if given.quick else ROWS)
    page = as_markdown(found)
    print(page)
    if not given.quick:
        write_section("serve_beside_job", page)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
