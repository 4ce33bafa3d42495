"""The service as people use it: a real server, real workers, the official client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import openai
import pytest

from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.command_line import run_here
from tests.functional.service_process import Service, serving
from vectune.client import AsyncOpenAI, OpenAI

MODEL = "text-embedding-3-small"
_PATIENCE = 120.0  # seconds; a guard against hanging, not a measure of speed


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Iterator[Service]:
    """One server for all tests here; names of well-known models stand for the tiny one."""
    with serving(tmp_path_factory.mktemp("service"), tiny_model_folder, "--set", "upload_bytes=200000") as service:
        yield service


@pytest.fixture
def client(service: Service) -> openai.OpenAI:
    """The official client, unchanged."""
    return openai.OpenAI(base_url=service.url, api_key="none")


def _finished(client: openai.OpenAI, name: str) -> object:
    until = time.monotonic() + _PATIENCE
    while (job := client.fine_tuning.jobs.retrieve(name)).status not in ("succeeded", "failed", "cancelled"):
        assert time.monotonic() < until, job
        time.sleep(0.1)
    return job


def test_up_before_the_model_and_ready_with_it(service: Service) -> None:
    """The server says at once that it is alive, and ready as soon as the default model answers."""
    assert service.status("/healthz") == 200
    service.wait_until_ready()
    assert service.status("/readyz") == 200


def test_whole_circle(client: openai.OpenAI, tmp_path: Path) -> None:
    """Upload, tune, poll, read events and results, embed with the tuned model by each of its names, delete it."""
    file = client.files.create(file=write_jsonl(tmp_path / "rows.jsonl", overlapping_pairs(60)), purpose="fine-tune")
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "dimensions": [32, 16]}}}
    made = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, suffix="words", seed=3, method=method)  # type: ignore[arg-type]
    job = _finished(client, made.id)
    assert job.status == "succeeded", job.error  # type: ignore[attr-defined]
    tuned = job.fine_tuned_model  # type: ignore[attr-defined]
    assert tuned.startswith(f"ft:{MODEL}:")
    assert ":words:" in tuned
    events = list(client.fine_tuning.jobs.list_events(made.id, limit=5))
    assert len({event.id for event in events}) == len(events) > 5
    assert any(event.type == "metrics" for event in events)
    assert [client.files.content(name).read() for name in job.result_files]  # type: ignore[attr-defined]
    vectors = {
        name: np.array(client.embeddings.create(model=name, input=["red1 cat2"]).data[0].embedding)
        for name in (MODEL, tuned, made.id)
    }
    np.testing.assert_array_equal(vectors[tuned], vectors[made.id])
    assert np.abs(vectors[tuned] - vectors[MODEL]).max() > 1e-4
    small = client.embeddings.with_raw_response.create(model=tuned, input="red1", dimensions=16)
    assert "x-vectune-warning" not in small.headers
    for checkpoint in client.fine_tuning.jobs.checkpoints.list(made.id):
        name = checkpoint.fine_tuned_model_checkpoint
        small = client.embeddings.with_raw_response.create(model=name, input="red1", dimensions=16)
        assert "x-vectune-warning" not in small.headers
    assert client.models.delete(tuned).deleted
    assert tuned not in [model.id for model in client.models.list()]


def test_script_that_people_find_on_the_web(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four labelled rows, the older `fine_tunes`, one import changed: it runs to the end."""
    monkeypatch.setenv("VECTUNE_BASE_URL", service.url)
    rows = [("red1 red2", "red"), ("red3 red4", "red"), ("cat1 cat2", "cat"), ("cat3 cat4", "cat")]
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(json.dumps({"text": text, "metadata": {"label": label}}) + "\n" for text, label in rows),
        encoding="utf-8",
    )
    client = OpenAI()
    with path.open("rb") as stream:
        file = client.files.create(file=stream, purpose="fine-tune")
    job = client.fine_tunes.create(training_file=file.id, model=MODEL, n_epochs=4, learning_rate_multiplier=0.1)
    while (status := client.fine_tunes.get(id=job.id).status) not in ("succeeded", "failed", "cancelled"):
        time.sleep(0.2)
    assert status == "succeeded", client.fine_tunes.get(id=job.id).error
    messages = [event.message for event in client.fine_tunes.stream_events(job.id)]
    assert any("undecided" in message for message in messages)
    answer = client.embeddings.create(model=job.id, input="red1")
    assert len(answer.data[0].embedding) == 32


async def test_older_interface_asynchronously(service: Service, tmp_path: Path) -> None:
    """`fine_tunes` of the asynchronous client, over the wire: a job is made, followed event by event to its end, found
    in the list and embedded with; another one is cancelled."""
    rows = write_jsonl(tmp_path / "rows.jsonl", overlapping_pairs(40))
    async with AsyncOpenAI(base_url=service.url) as client:
        file = await client.files.create(file=rows, purpose="fine-tune")
        job = await client.fine_tunes.create(training_file=file.id, model=MODEL, n_epochs=1, suffix="words")
        assert job.status in ("pending", "running")
        async with asyncio.timeout(_PATIENCE):
            followed = [event.message async for event in client.fine_tunes.stream_events(job.id)]
        done = await client.fine_tunes.get(id=job.id)
        assert done.status == "succeeded", done.error
        assert ":words:" in str(done.fine_tuned_model)
        assert followed == [event.message for event in (await client.fine_tunes.events(job.id)).data]
        assert followed == [event.message for event in done.events]
        answer = await client.embeddings.create(model=job.id, input="red1")
        assert len(answer.data[0].embedding) == 32
        other = await client.fine_tunes.create(training_file=file.id, model=MODEL, n_epochs=900)
        assert (await client.fine_tunes.cancel(other.id)).status == "cancelled"
        assert (await client.fine_tunes.retrieve(other.id)).status == "cancelled"
        assert [entry.id for entry in (await client.fine_tunes.list()).data][:2] == [other.id, job.id]


@pytest.mark.parametrize("language", ["python", "sh"])
def test_printed_example_runs(service: Service, language: str, tmp_path: Path) -> None:
    """What `--print-example` prints is run as it is, but for the address, and ends well."""
    printed = run_here("serve", "--print-example", "--port", service.url.split(":")[2].split("/")[0])
    assert service.url in printed.out
    found = re.search(rf"```{language}\n(.*?)```", printed.out, re.DOTALL)
    assert found is not None
    interpreter = sys.executable if language == "python" else "sh"
    script = tmp_path / f"example.{language}"
    script.write_text(found[1], encoding="utf-8")
    done = subprocess.run([interpreter, str(script)], capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert "32 dimensions" in last if language == "python" else len(json.loads(last)["data"][0]["embedding"]) == 8


def test_session_of_the_readme_runs(service: Service, tmp_path: Path) -> None:
    """The README's script, as it is but for the address, goes the whole circle."""
    root = Path(__file__).parents[2]
    section = (root / "README.md").read_text(encoding="utf-8").split("## As a service")[1].split("\n## ")[0]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    assert "http://127.0.0.1:8765/v1" in found[1]
    script = tmp_path / "session.py"
    script.write_text(found[1].replace("http://127.0.0.1:8765/v1", service.url), encoding="utf-8")
    command = [sys.executable, str(script)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert last.startswith("ft:")
    assert "32 dimensions" in last


def test_job_that_is_cancelled(client: openai.OpenAI, tmp_path: Path) -> None:
    """A job that would take long ends soon after it is cancelled, and tells so by server-sent events."""
    file = client.files.create(file=write_jsonl(tmp_path / "rows.jsonl", overlapping_pairs(60)), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(
        model=MODEL,
        training_file=file.id,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 900}}},
    )
    assert client.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    legacy = OpenAI(base_url=str(client.base_url))
    assert "cancelled" in [event.message for event in legacy.fine_tunes.stream_events(job.id)][-1]


@pytest.mark.parametrize("method", ["full", "lora", "static", "adapter"])
def test_job_that_pauses_goes_on_and_is_cancelled(
    service: Service, client: openai.OpenAI, tmp_path: Path, method: str
) -> None:
    """Whatever is trained: it is paused, resumed it goes on from there, and once it is cancelled its work stops. How
    soon is `benchmarks/job_stops.py`'s question."""
    file = client.files.create(file=write_jsonl(tmp_path / "rows.jsonl", overlapping_pairs(60)), purpose="fine-tune")
    settings = {"method": method, "n_epochs": 1000, "patience": 100_000, "evals_per_epoch": 1}
    jobs = client.fine_tuning.jobs
    job = jobs.create(
        model=MODEL,
        training_file=file.id,
        method={"type": "supervised", "supervised": {"hyperparameters": settings}},  # type: ignore[typeddict-item]
    ).id

    def steps() -> list[int]:
        data = [event.data for event in jobs.list_events(job, limit=100) if event.type == "metrics"]
        return [entry["step"] for entry in data]  # type: ignore[index]

    _until(lambda: max(steps(), default=0) > 0)
    jobs.pause(job)
    _until(lambda: jobs.retrieve(job).status == "paused")
    known = steps()
    work = service.log.parent / "home" / "jobs" / job
    kept = [int(found.name.removeprefix("step-")) for found in work.rglob("checkpoints/step-*")]
    assert max(kept) >= max(known)
    jobs.resume(job)
    _until(lambda: max(steps()) > max(known))
    told = steps()  # once: more may come at any moment
    assert len(set(told)) >= len(told) / 2  # a step may have a loss and an evaluation
    assert jobs.cancel(job).status == "cancelled"
    _until(lambda: not work.exists())


async def test_many_callers_at_once(service: Service) -> None:
    """Forty requests at the same time by the asynchronous client each get their own vectors."""
    texts = [f"red{n} cat{n % 7}" for n in range(25)]
    async with openai.AsyncOpenAI(base_url=service.url, api_key="none") as client:
        alone = [(await client.embeddings.create(model=MODEL, input=text)).data[0].embedding for text in texts]
        together = await asyncio.gather(*(client.embeddings.create(model=MODEL, input=text) for text in texts))
    np.testing.assert_allclose([answer.data[0].embedding for answer in together], alone, atol=1e-5)


async def test_whole_circle_asynchronously(service: Service, tmp_path: Path) -> None:
    """The asynchronous client goes the same way: upload, tune, poll, embed."""
    rows = write_jsonl(tmp_path / "rows.jsonl", overlapping_pairs(40))
    async with openai.AsyncOpenAI(base_url=service.url, api_key="none") as client:
        file = await client.files.create(file=rows, purpose="fine-tune")
        job = await client.fine_tuning.jobs.create(model=MODEL, training_file=file.id, hyperparameters={"n_epochs": 1})
        async with asyncio.timeout(120):
            while job.status not in ("succeeded", "failed"):
                await asyncio.sleep(0.1)
                job = await client.fine_tuning.jobs.retrieve(job.id)
        assert job.status == "succeeded", job.error
        assert file.id in [entry.id async for entry in client.files.list(purpose="fine-tune")]
        assert job.id in [entry.id async for entry in client.fine_tuning.jobs.list()]
        assert [event async for event in client.fine_tuning.jobs.list_events(job.id)]
        answer = await client.embeddings.create(model=job.fine_tuned_model or "", input="red1")
        assert len(answer.data[0].embedding) == 32


def test_too_large_upload_over_the_wire(client: openai.OpenAI) -> None:
    """An upload over the limit is answered, not cut off without a word."""
    with pytest.raises(openai.APIStatusError) as refused:
        client.files.create(file=("big.jsonl", b"x" * 400_000), purpose="fine-tune")
    assert refused.value.status_code == 413


def test_no_address_but_loopback(tmp_path: Path) -> None:
    """Whoever asks for another address without having a key is refused, and told what to do."""
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        refused = run_here("serve", "--host", host, "--home", tmp_path)
        assert refused.status == 2
        assert "127.0.0.1" in refused.error
        assert "vectune keys create" in refused.hint


def test_taken_port(service: Service, tmp_path: Path) -> None:
    """A port that is in use is named, and the way out with it."""
    port = service.url.split(":")[2].split("/")[0]
    refused = run_here("serve", "--port", port, "--home", tmp_path)
    assert refused.status == 2
    assert port in refused.error
    assert "--port 0" in refused.hint


def test_end_of_the_server_is_the_end_of_its_workers(tmp_path: Path, tiny_model_folder: Path) -> None:
    """SIGTERM ends server and workers; a server on the same home finds all files again."""
    with serving(tmp_path, tiny_model_folder) as first:
        client = openai.OpenAI(base_url=first.url, api_key="none")
        name = client.files.create(file=("rows.jsonl", b'{"text": "a", "label": "b"}\n'), purpose="fine-tune").id
        children = _children(first.process.pid)
        assert children
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    with serving(tmp_path, tiny_model_folder, "--workers", "0") as second:
        client = openai.OpenAI(base_url=second.url, api_key="none")
        assert client.files.retrieve(name).id == name
        assert _children(second.process.pid) == []


def _until(ask: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE
    while not ask():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def _children(pid: int) -> list[int]:
    """Processes that `pid` started."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    return [child for child in found if os.path.exists(f"/proc/{child}")]  # noqa: PTH110


def test_log_of_server_and_workers(service: Service, client: openai.OpenAI) -> None:
    """Every line is a JSON object; an answer's id and a job's id are found, what was sent is not."""
    file = client.files.create(file=("r.jsonl", b'{"text": "very private", "label": "a"}\n'), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=file.id)
    assert _finished(client, job.id).status == "failed"  # type: ignore[attr-defined]
    answer = client.embeddings.with_raw_response.create(model=MODEL, input="very private")
    name = answer.headers["x-request-id"]
    ends = time.monotonic() + _PATIENCE  # a line is written after its answer
    while name not in (text := service.log.read_text(encoding="utf-8")) and time.monotonic() < ends:
        time.sleep(0.05)
    lines = [json.loads(line) for line in text.splitlines()]
    (request,) = [line for line in lines if line.get("request_id") == name]
    assert (request["route"], request["status"]) == ("/v1/embeddings", 200)
    assert any(line.get("job") == job.id and line.get("worker") for line in lines)
    assert "very private" not in text
