"""Uploaded files in a bucket, with the real driver against a server of the S3 protocol; both are installed by
tests/clients/prepare.sh, and the test runs where VECTUNE_CLIENTS names their folder."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest

from tests.clients.trying import FOLDER
from tests.fakes.tiny_model import save_tiny_model
from tests.fakes.word_rows import overlapping_pairs, write_jsonl
from tests.functional.service_process import serving

BUCKET = "rows"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """The URL of an S3 with one bucket, which this process and those that it starts would use."""
    installed = os.environ.get(FOLDER)
    if not installed:  # driver and server are fetched from a registry, which a plain test run must not need
        pytest.skip(f"other programs are not asked for: {FOLDER}=$(sh tests/clients/prepare.sh)")
    drivers = [str(found) for found in Path(installed).glob("s3/lib/python3*/site-packages")]
    with _moto(Path(installed) / "moto" / "bin" / "moto_server", tmp_path / "moto.log") as url:
        named = {"ACCESS_KEY_ID": "any", "SECRET_ACCESS_KEY": "any", "DEFAULT_REGION": "us-east-1"}
        for name, value in {**named, "ENDPOINT_URL": url}.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.environ.get("PYTHONPATH", ""), *drivers]).strip(":"))
        yield url


@contextmanager
def _moto(program: Path, log: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with log.open("w") as said:
        process = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=said, stderr=said)
    try:
        until = time.monotonic() + 60
        while not _made(f"{url}/{BUCKET}"):
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _made(bucket: str) -> bool:
    try:
        urllib.request.urlopen(urllib.request.Request(bucket, method="PUT"), timeout=10).close()
    except urllib.error.URLError:
        return False
    return True


def _keys(url: str) -> str:
    with urllib.request.urlopen(f"{url}/{BUCKET}?list-type=2", timeout=10) as answer:
        return str(answer.read().decode())


def _job_of(client: openai.OpenAI, file: str) -> object:
    job = client.fine_tuning.jobs.create(model="text-embedding-3-small", training_file=file)
    until = time.monotonic() + 300
    while job.status not in ("succeeded", "failed"):
        assert time.monotonic() < until
        time.sleep(0.5)
        job = client.fine_tuning.jobs.retrieve(job.id)
    return job


def test_files_in_a_bucket(s3: str, tmp_path: Path) -> None:
    """An upload lies in the bucket and is read back byte for byte; a job tunes with it and leaves its results there;
    what is deleted is gone from it."""
    model = save_tiny_model(tmp_path / "model")
    rows = write_jsonl(tmp_path / "rows.jsonl", overlapping_pairs(40))
    with serving(tmp_path, model, "--files", f"s3://{BUCKET}/vectune") as service:
        client = openai.OpenAI(base_url=service.url, api_key="none")
        service.wait_until_ready()
        file = client.files.create(file=rows, purpose="fine-tune")
        assert file.id in _keys(s3)
        assert client.files.content(file.id).content == rows.read_bytes()
        job = _job_of(client, file.id)
        assert job.status == "succeeded", job  # type: ignore[attr-defined]
        for result in job.result_files:  # type: ignore[attr-defined]
            assert result in _keys(s3)
            assert client.files.content(result).content
        assert client.files.delete(file.id).deleted
        assert file.id not in _keys(s3)
        assert ".partial" not in _keys(s3)
