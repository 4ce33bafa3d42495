"""Serving speed against other servers: `python benchmarks/serve_speed.py [--quick] [--json] [--no-peers]`.

The same packaged model on the same cores, one server after the other in turns: `vectune serve`, a plain FastAPI handler
around SentenceTransformer.encode (as `def`, which FastAPI runs in threads, and as `async def`; the better one counts),
and infinity-emb with its torch and its optimum (onnxruntime) engine, in an environment of its own that this script
makes on first use under the cache folder. 1, 8 and 64 clients ask without a pause, one text a request, each text new,
base64 as the official client asks for. A server that is not measured is stopped (SIGSTOP). Rates and percentiles are
medians over the rounds. The overhead of a request is its time less that of the encoder alone, in this process, for the
same text: a few requests and the same few texts take turns, and the median of all texts' differences counts. Medians of
requests and of the encoder taken apart differ by more than the overhead from one minute to the next.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from environments import made_environment, mark_ready
from load import Single
from page import describe_machine, is_partial, write_section
from servers import Server, free_port, put_load, start, start_vectune
from texts import Kind, bodies, texts
from train_speed import matmul_peak

BASE = "all-MiniLM-L6-v2"
CLIENTS = (1, 8, 64)
PAIRED = 200
"""Texts of each kind, in each round, that the server and the encoder alone are timed on."""
TURN = 10
"""Of these, how many go to one side before the other has its turn; the first finds cold caches and is not counted."""
QUICK_SECONDS = 1.5
KINDS: tuple[Kind, ...] = ("queries", "documents")
OURS, BARE, PEER = "vectune", "bare", "infinity"
INFINITY_VERSION = "0.0.78"
PACKAGES = (f"infinity-emb[server,torch,optimum]=={INFINITY_VERSION}", "optimum-onnx==0.1.0", "transformers==4.57.6")
"""What the peers' environment holds beside torch 2.13.0."""
ONNX = "onnx-model"
"""The packaged model as ONNX in that environment's folder: its onnxruntime engine exports nothing by itself."""
HANDLER = """
import base64, os
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(os.environ["BENCH_MODEL"], device="cpu")
app = FastAPI()

class Request(BaseModel):
    input: str | list[str]
    model: str = ""
    encoding_format: str = "float"

@app.post("/v1/embeddings")
{kind} embeddings(request: Request):
    texts = [request.input] if isinstance(request.input, str) else request.input
    vectors = model.encode(texts, normalize_embeddings=True)
    if request.encoding_format == "base64":
        shown = [base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode() for vector in vectors]
    else:
        shown = vectors.tolist()
    data = [{{"object": "embedding", "index": i, "embedding": vector}} for i, vector in enumerate(shown)]
    usage = {{"prompt_tokens": 0, "total_tokens": 0}}
    return {{"object": "list", "data": data, "model": request.model, "usage": usage}}
"""


def model_folder() -> str:
    from vectune.encode.resolve import resolve_model

    return resolve_model(BASE).location


def bare(folder: Path, kind: str) -> Server:
    """The plain handler under uvicorn's defaults."""
    name = f"{BARE} {kind}"
    module = f"bare_{kind.replace(' ', '_')}"
    (folder / f"{module}.py").write_text(HANDLER.format(kind=kind), encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"{module}:app", "--port", str(port), "--log-level", "warning",
               "--no-access-log"]  # fmt: skip
    return start(name, command, port, folder, "any", {"BENCH_MODEL": model_folder()})


def peer_environment() -> Path:
    """The folder of the peers' environment, made now if it is not there."""
    folder, new = made_environment(f"infinity-{INFINITY_VERSION}", PACKAGES)
    if new:
        export = [str(folder / "bin" / "optimum-cli"), "export", "onnx", "--model", model_folder()]
        export += ["--task", "feature-extraction", "--library", "transformers", str(folder / ONNX)]
        subprocess.run(export, check=False, capture_output=True)  # without it that engine is left out, and says why
        mark_ready(folder)
    return folder


def infinity(folder: Path, environment: Path, engine: str) -> Server:
    """infinity-emb by its command, its usage reports off. Its onnxruntime engine finds the graph in its own folder
    alone."""
    port = free_port()
    where = environment / ONNX if engine == "optimum" else folder
    model = "." if engine == "optimum" else model_folder()
    command = [
        str(environment / "bin" / "infinity_emb"), "v2", "--model-id", model, "--served-model-name", "any",
        "--engine", engine, "--device", "cpu", "--port", str(port), "--url-prefix", "/v1", "--no-bettertransformer",
    ]  # fmt: skip
    settings = {"DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0", "INFINITY_LOG_LEVEL": "warning"}
    return start(f"{PEER} {engine}", command, port, folder, "any", settings, where)


def started(folder: Path, with_peers: bool, stack: ExitStack) -> tuple[list[Server], dict[str, str]]:
    """The servers that answer, each stopped, and why the others do not."""
    makers: list[Callable[[], Server]] = [
        lambda: start_vectune(folder, "--workers", "0"),
        lambda: bare(folder, "def"),
        lambda: bare(folder, "async def"),
    ]
    failed: dict[str, str] = {}
    if with_peers:
        try:
            environment = peer_environment()
            makers += [lambda: infinity(folder, environment, "torch"), lambda: infinity(folder, environment, "optimum")]
        except (OSError, subprocess.CalledProcessError) as error:
            failed[PEER] = f"its environment could not be made: {error}"
    servers = []
    for make in makers:
        server = make()
        stack.callback(server.end)
        try:
            server.wait_until_it_answers()
        except RuntimeError as error:
            failed[server.name] = str(error)
            print(f"left out: {error}", flush=True)
            server.end()
            continue
        server.halt()
        servers.append(server)
    return servers, failed


def measure_all(servers: list[Server], rounds: int, seconds: float) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Scenario to server to what was found in each round; the servers take turns within a scenario."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    seed = 0
    for turn in range(rounds):
        for kind in KINDS:
            for clients in CLIENTS:
                seed += 1
                scenario = found.setdefault(f"{kind} {clients}", {})
                for server in servers[turn % len(servers) :] + servers[: turn % len(servers)]:
                    asked = bodies(kind, int(3000 * (seconds + 1)), server.model, seed)
                    server.go_on()
                    try:
                        one = put_load(server, asked, clients, seconds)
                    finally:
                        server.halt()
                    scenario.setdefault(server.name, []).append(one)
                    said = f"{one['rate']:.0f}/s p50 {one['p50']:.1f} ms p99 {one['p99']:.1f} ms"
                    print(f"{kind} {clients} {server.name}: {said}, generator {one['generator_cores']:.2f} cores")
    return found


def medians(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """The medians of one server's rounds, and every status that was answered."""
    statuses: dict[str, int] = {}
    for one in rounds:
        for status, count in one["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    names = ("rate", "p50", "p95", "p99", "generator_cores")
    return {name: statistics.median(one[name] for one in rounds) for name in names} | {"statuses": statuses}


def overhead(server: Server, rounds: int, texts_a_round: int) -> dict[str, dict[str, float]]:
    """Of each kind the median milliseconds of the encoder alone, and of what a request takes more for the same text."""
    from vectune.encode.open_encoder import open_encoder

    encoder = open_encoder(BASE)

    def alone(body: str) -> float:
        text = json.loads(body)["input"]
        begin = time.perf_counter()
        encoder.encode([text])
        return (time.perf_counter() - begin) * 1000

    single = Single("127.0.0.1", server.port, server.path)
    found: dict[str, dict[str, float]] = {}
    try:
        for kind in KINDS:
            asked = bodies(kind, texts_a_round * (rounds + 1), server.model, seed=1000)
            paired(asked[:texts_a_round], single.milliseconds, alone)  # each shape has its kernels then
            pairs = paired(asked[texts_a_round:], single.milliseconds, alone)
            found[kind] = {
                "encoder": statistics.median(own for _, own in pairs),
                "overhead": statistics.median(request - own for request, own in pairs),
            }
    finally:
        single.close()
    return found


def paired(asked: list[str], one: Callable[[str], float], other: Callable[[str], float]) -> list[tuple[float, float]]:
    """What both sides take for each text, the sides taking turns of a few texts, each first in every other turn."""
    found = []
    for turn, begin in enumerate(range(0, len(asked), TURN)):
        part = asked[begin : begin + TURN]
        if turn % 2:
            first = [one(body) for body in part]
            second = [other(body) for body in part]
        else:
            second = [other(body) for body in part]
            first = [one(body) for body in part]
        found += list(zip(first, second, strict=True))[1:]
    return found


def ratios(scenarios: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Our rate over the better plain handler's, and over the best peer's, at 64 clients: each kind, and the worse."""
    found: dict[str, Any] = {}
    for key, prefix in (("ratio_bare_64", BARE), ("ratio_best_peer_64", PEER)):
        each = {}
        for kind in KINDS:
            sides = scenarios[f"{kind} {CLIENTS[-1]}"]
            rates = [side["rate"] for name, side in sides.items() if name.startswith(prefix)]
            if rates:
                each[kind] = sides[OURS]["rate"] / max(rates)
        found[key] = min(each.values()) if each else None
        found[f"{key}_each"] = each
    return found


def measure(rounds: int, seconds: float, with_peers: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="vectune-bench-") as folder, ExitStack() as stack:
        servers, failed = started(Path(folder), with_peers, stack)
        rows = measure_all(servers, rounds, seconds)
        ours = next(server for server in servers if server.name == OURS)
        ours.go_on()
        single = overhead(ours, rounds, PAIRED if seconds > QUICK_SECONDS else 2 * TURN)
    scenarios = {
        scenario: {name: medians(found) for name, found in sides.items()} for scenario, sides in rows.items()
    }  # fmt: skip
    encoder = {kind: found["encoder"] for kind, found in single.items()}
    more = {kind: found["overhead"] for kind, found in single.items()}
    words = {kind: statistics.mean(len(text.split()) for text in texts(kind)) for kind in KINDS}
    return {
        **ratios(scenarios), "overhead_ms": max(more.values()), "overhead_ms_each": more,
        "encoder_ms": encoder, "words": words, "rounds": rounds, "seconds": seconds, "failed": failed,
        "cores": os.cpu_count(), "scenarios": scenarios,
    }  # fmt: skip


def as_markdown(found: dict[str, Any]) -> str:
    lines = [
        "| texts | clients | server | requests/s | p50 ms | p95 ms | p99 ms |",
        "| --- | --: | --- | --: | --: | --: | --: |",
    ]
    for scenario, sides in found["scenarios"].items():
        kind, clients = scenario.split()
        for name, side in sides.items():
            shown = f"{kind}, {found['words'][kind]:.0f} words"
            lines.append(
                f"| {shown} | {clients} | {name} | {side['rate']:,.0f} | {side['p50']:.1f} | {side['p95']:.1f} "
                f"| {side['p99']:.1f} |"
            )
    told = f"{each(found['ratio_bare_64_each'])} times the better plain handler's rate"
    peer = found["ratio_best_peer_64_each"]
    told += f", {each(peer)} times the best peer's" if peer else ", and no peer started"
    lines += [
        "",
        f"At 64 clients: {told}. One client's request takes {each(found['overhead_ms_each'], 2)} ms more than the "
        f"encoder alone for the same text (median), which takes {each(found['encoder_ms'])}.",
    ]
    lines += [f"- left out: {why}" for why in found["failed"].values()]
    lines += ["", f"{found['rounds']} rounds of {found['seconds']:.0f} s. Machine: {describe_machine()}."]
    return "\n".join(lines)


def each(values: dict[str, float], digits: int = 1) -> str:
    """Both kinds' values, as in `3.1 (queries) and 2.5 (documents)`."""
    return " and ".join(f"{value:.{digits}f} ({kind})" for kind, value in values.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, no page: a trial")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each server in each scenario and round")
    parser.add_argument("--no-peers", action="store_true", help="without infinity-emb")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    rounds, seconds = (1, QUICK_SECONDS) if given.quick else (given.rounds, given.seconds)
    found = measure(rounds, seconds, not given.no_peers)
    page = as_markdown(found)
    print(page)
    if not given.quick and not given.no_peers:
        write_section("serve_speed", page, partial=is_partial(parser, given), peak=matmul_peak)
    if given.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
