"""The OpenAPI document run by schemathesis against a live server: `python benchmarks/fuzz_service.py [--minutes 5]`.

`vectune serve` runs with a key and a small random model in a folder of its own. A worker first carries out a few jobs,
so that there are tuned models, their checkpoints and result files; the server that is attacked has none. schemathesis,
in an environment that this script makes on first use under the cache folder, sends what the document allows and what it
forbids to every path, again and again with other seeds, until the time is over. The server's own metrics count the
answers; one of status 500 or above is a fault, and this script ends with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from environments import made_environment, mark_ready
from page import ROOT, describe_machine, write_section
from servers import free_port, start

sys.path.insert(0, str(ROOT))

from tests.fakes.tiny_model import save_tiny_model
from tests.fakes.word_rows import overlapping_pairs

from vectune.client import OpenAI

SCHEMATHESIS = "schemathesis==4.32.5"
_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
_COUNT = re.compile(
    r'^vectune_http_requests_total\{method="(\w+)",route="([^"]+)",status="(\d+)"\} ([\d.e+]+)$', re.MULTILINE
)
_EXAMPLES = 60
_THINGS = 150
_TRAINED = 8
_TRAINING_SECONDS = 600.0
_MODELS = ["text-embedding-3-small", "text-embedding-3-small:query", "text-embedding-ada-002"]
_WRONG = ["unknown", "ft:unknown", "..%2f..%2fetc"]
_VALUES: dict[str, list[Any]] = {
    "dimensions": [1, 8, 32],
    "hyperparameters": [{}, {"n_epochs": 2, "dimensions": [32, 8]}], "n_epochs": [1, "auto"], "batch_size": [4, "auto"],
    "method": [{"type": "supervised", "supervised": {"hyperparameters": {"batch_size": 4}}}],
    "learning_rate_multiplier": [0.5, "auto"], "metadata": [{}, {"team": "a"}], "integrations": [None, []],
}  # fmt: skip
_ROWS = b'{"text": "red1", "label": "a"}\n{"text": "cat2", "label": "b"}\n' * 3
_SHOWN_LINES = 40


def environment() -> Path:
    """The folder of schemathesis' environment, made now if it is not there."""
    folder, new = made_environment(SCHEMATHESIS.replace("==", "-"), [SCHEMATHESIS], torch=False)
    if new:
        mark_ready(folder)
    return folder


def get(url: str) -> str:
    """What a plain GET answers."""
    with urllib.request.urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def wait_until_ready(root: str) -> None:
    """Come back when the default model answers."""
    until = time.monotonic() + 120
    while True:
        try:
            get(f"{root}/readyz")
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return


def train_some(root: str, secret: str) -> list[str]:
    """Have a few jobs carried out; the names of their models, checkpoints among them."""
    rows = "".join(json.dumps(row) + "\n" for row in overlapping_pairs(60)).encode()
    until = time.monotonic() + _TRAINING_SECONDS
    with OpenAI(base_url=f"{root}/v1", api_key=secret) as client:
        file = client.files.create(file=("pairs.jsonl", rows), purpose="fine-tune").id
        given: Any = {"n_epochs": 2, "dimensions": [32, 8]}
        jobs = [
            client.fine_tuning.jobs.create(model=_MODELS[0], training_file=file, hyperparameters=given).id
            for _ in range(_TRAINED)
        ]
        while any(client.fine_tuning.jobs.retrieve(job).status != "succeeded" for job in jobs):
            if time.monotonic() > until:
                raise SystemExit("the jobs before the attack did not succeed")
            time.sleep(1)
        models = [str(client.fine_tuning.jobs.retrieve(job).fine_tuned_model) for job in jobs]
        listed = [entry for job in jobs for entry in client.fine_tuning.jobs.checkpoints.list(job)]
    return [*models, *(entry.fine_tuned_model_checkpoint for entry in listed)]


def names_in(root: str, secret: str, models: list[str]) -> dict[str, list[str]]:
    """Files, jobs of both interfaces and models that there are, so that not all that is drawn is unknown."""
    with OpenAI(base_url=f"{root}/v1", api_key=secret) as client:
        files = [
            client.files.create(file=(f"rows-{number}.jsonl", _ROWS), purpose="fine-tune").id
            for number in range(_THINGS)
        ]
        jobs = [client.fine_tuning.jobs.create(model=_MODELS[0], training_file=file).id for file in files[::2]]
        older = [client.fine_tunes.create(model=_MODELS[0], training_file=file).id for file in files[::2]]
        for name in older:
            client.fine_tunes.cancel(name)  # streams of their events end
        for name in jobs[::3]:
            client.fine_tuning.jobs.pause(name)
        results = [file.id for file in client.files.list(purpose="fine-tune-results")]
    return {"files": [*files, *results], "fine_tuning": jobs, "fine-tunes": older, "models": [*_MODELS, *models]}


def document_with(document: dict[str, Any], names: dict[str, list[str]]) -> dict[str, Any]:
    """The server's document, with names that exist and values that are taken in place of any at all, of which few
    would pass. What breaks the document is drawn beside."""
    known = _VALUES | {"model": names["models"], "training_file": names["files"], "validation_file": names["files"]}
    for path, operations in document["paths"].items():
        kind = path.split("/")[2] if path.startswith("/v1/") else ""
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] in ("name", "after"):
                    parameter["schema"] = {"enum": [*names[kind], *_WRONG]}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            for field in set(body.get("properties", {})) & set(known):
                body["properties"][field] = {"enum": known[field] if field in _VALUES else [*known[field], *_WRONG]}
    return document


def attack(root: str, secret: str, seconds: float, folder: Path, seed: int) -> list[str]:
    """Run schemathesis with one seed after another until the time is over; what it found, as it told."""
    until = time.monotonic() + seconds
    command = [
        str(environment() / "bin" / "schemathesis"), "run", str(folder / "openapi.json"), "--url", root,
        "--checks", _CHECKS, "--header", f"Authorization: Bearer {secret}", "--max-examples", str(_EXAMPLES),
        "--continue-on-failure", "--no-color", "--workers", "2", "--warnings", "off", "--request-timeout", "20",
    ]  # fmt: skip
    told = []
    while (left := until - time.monotonic()) > 1:
        try:
            done = subprocess.run(
                [*command, "--seed", str(seed), "--max-time", f"{left:.0f}"],
                capture_output=True,
                text=True,
                timeout=left + 60,
                cwd=folder,
                check=False,
            )
            told.append(done.stdout + done.stderr)
        except subprocess.TimeoutExpired as over:
            told.append((over.stdout or b"").decode(errors="replace") if isinstance(over.stdout, bytes) else "")
        seed += 1
    return told


def counts(page: str) -> dict[str, dict[str, int]]:
    """Route to status to the number of answers, of what is below /v1."""
    found: dict[str, dict[str, int]] = {}
    for method, route, status, count in _COUNT.findall(page):
        if route.startswith("/v1") or route == "unmatched":
            of_route = found.setdefault(f"{method} {route}", {})
            of_route[status] = of_route.get(status, 0) + int(float(count))
    return found


def faults(log: Path) -> list[dict[str, Any]]:
    """Lines of the log about answers of status 500 and above, and tracebacks."""
    lines = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and (entry.get("status", 0) >= 500 or "traceback" in entry):
            lines.append(entry)
    return lines


def fuzz(minutes: float, seed: int) -> tuple[dict[str, Any], list[str]]:
    """Attack a server for so long; what was counted, and what schemathesis told."""
    environment()
    with tempfile.TemporaryDirectory(prefix="vectune-fuzz-") as name:
        folder = Path(name)
        model = save_tiny_model(folder / "model")
        home, port = folder / "home", free_port()
        vectune = [sys.executable, "-m", "vectune"]
        keyed = subprocess.run(
            [*vectune, "keys", "create", "fuzz", "--home", str(home), "--json"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        secret = json.loads(keyed.stdout)["secret"]
        command = [
            *vectune, "serve", "--port", str(port), "--home", str(home), "--default-model", str(model),
            "--backend", "torch", "--set", "log.style=json", "--set", "upload_bytes=1000000", "--workers",
        ]  # fmt: skip
        root = f"http://127.0.0.1:{port}"
        server = start("vectune", [*command, "1"], port, folder, "text-embedding-3-small")
        try:
            wait_until_ready(root)
            models = train_some(root, secret)
        finally:
            server.end()
        server = start("vectune", [*command, "0"], port, folder, "text-embedding-3-small")
        try:
            wait_until_ready(root)
            document = document_with(json.loads(get(f"{root}/openapi.json")), names_in(root, secret, models))
            (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
            told = attack(root, secret, minutes * 60, folder, seed)
            alive = server.process.poll() is None
            by_route = counts(get(f"{root}/metrics")) if alive else {}
        finally:
            server.end()
        bad = faults(server.log)
    statuses: dict[str, int] = {}
    for of_route in by_route.values():
        for status, count in of_route.items():
            statuses[status] = statuses.get(status, 0) + count
    return {
        "minutes": minutes, "seeds": len(told), "requests": sum(statuses.values()), "statuses": statuses,
        "server_errors": sum(count for status, count in statuses.items() if status >= "500"), "alive": alive,
        "routes": by_route, "faults": bad,
    }, told  # fmt: skip


def as_markdown(found: dict[str, Any]) -> str:
    lines = ["| path | requests | 2xx | 4xx | 5xx |", "| --- | --: | --: | --: | --: |"]
    others: dict[str, int] = {}
    for route, statuses in sorted(found["routes"].items()):
        if set(statuses) & {"200", "400", "408", "500"} and not route.endswith("unmatched"):
            lines.append(_row(f"`{route.replace(':path', '')}`", statuses))
        else:
            others = {status: others.get(status, 0) + statuses.get(status, 0) for status in {*others, *statuses}}
    lines.append(_row("other paths and methods", others))
    lines += [
        "",
        f"{found['requests']:,} requests in {found['minutes']:g} minutes ({SCHEMATHESIS.replace('==', ' ')}), "
        f"{found['server_errors']} answers of 5xx.",
        "",
        f"Machine: {describe_machine()}.",
    ]
    return "\n".join(lines)


def _row(name: str, statuses: dict[str, int]) -> str:
    classes = [sum(count for status, count in statuses.items() if status[0] == first) for first in "245"]
    return f"| {name} | {sum(statuses.values()):,} | " + " | ".join(f"{count:,}" for count in classes) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="half a minute, no page: a trial")
    parser.add_argument("--told", action="store_true", help="print what schemathesis told of the first seed")
    parser.add_argument("--json", action="store_true", help="print one JSON object last")
    given = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    found, told = fuzz(0.5 if given.quick else given.minutes, given.seed)
    print(as_markdown(found))
    if given.told and told:
        print(told[0])
    for entry in found["faults"][:_SHOWN_LINES]:
        print(json.dumps(entry))
    if not given.quick and given.minutes >= 5:
        write_section("fuzz_service", as_markdown(found))
    if given.json:
        print(json.dumps({name: value for name, value in found.items() if name != "faults"}))
    if found["server_errors"] or not found["alive"] or not found["requests"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
