"""The outermost layer: ids, lines of the log, faults."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from tests.unit.http.conftest import MODEL
from vectune.config.log import LogConfig
from vectune.errors import StorageError
from vectune.http.app import build_app
from vectune.http.request_ids import HEADER, RequestIds
from vectune.http.services import Services
from vectune.monitor.json_log import writing_log

SECRET = "hunter2hunter2"


async def _run(app: Any, kind: str = "http", sent: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
    sent = [] if sent is None else sent

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    await RequestIds(app)(
        {"type": kind, "headers": [], "method": "GET", "path": "/", "query_string": b""}, receive, send
    )  # type: ignore[arg-type]
    return sent


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """The file that everything is logged to, from `debug` on."""
    file = tmp_path / "service.log"
    with writing_log(LogConfig(file=file, level="debug")):
        yield file


def _lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def _requests(log: Path) -> list[dict[str, Any]]:
    return [line for line in _lines(log) if line["logger"] == "vectune.http.requests"]


async def test_fault_before_the_answer_becomes_one() -> None:
    """An exception that nobody caught is a 500 in OpenAI's shape, with the id."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("inside")

    start, body = await _run(broken)
    assert start["status"] == 500
    assert HEADER.encode() in dict(start["headers"])
    assert b"inside" not in body["body"]


async def test_fault_in_the_middle_adds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Once an answer has begun no second one follows; the log tells what happened."""

    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half way")

    sent = await _run(breaks)
    assert [message["type"] for message in sent] == ["http.response.start"]
    assert "half way" in caplog.text


@pytest.mark.parametrize("begun", [False, True])
async def test_request_that_the_end_of_the_server_cuts_off(log: Path, begun: bool) -> None:
    """A caller that still waits when the server ends is told so in OpenAI's shape, with an id that the log has; one
    whose answer has begun gets nothing more. The cancelling goes on."""

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    sent: list[dict[str, Any]] = []
    task = asyncio.create_task(_run(waits, sent=sent))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (line,) = _requests(log)
    assert (line["status"], line["code"]) == (200 if begun else 503, "server_is_stopping")
    assert line["request_id"] == dict(sent[0]["headers"])[HEADER.encode()].decode()
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"][: 1 if begun else 2]
    if not begun:
        error = json.loads(sent[1]["body"])["error"]
        assert (error["type"], error["code"]) == ("service_unavailable_error", "server_is_stopping")


async def test_other_kinds_pass_through() -> None:
    """Only requests are named."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    await _run(app, "lifespan")
    assert "state" not in seen[0]


@pytest.mark.parametrize("given", ["0123456789abcdef0123456789abcdef", "trace-1.span_2", "a" * 64])
def test_id_of_the_caller_is_kept(http: TestClient, given: str) -> None:
    """An id that a proxy or a caller gave is the answer's id."""
    assert http.get("models", headers={HEADER: given}).headers[HEADER] == given


@pytest.mark.parametrize(
    "given",
    ["short", "a" * 65, "with space", 'a"b"c"d"e', "-starts-so", "sk-0123456789", "vt-0123456789", "\u00e4" * 9, ""],
)
def test_id_that_could_do_harm_is_not(http: TestClient, given: str) -> None:
    """Anything else is replaced: what is long, looks like a key, or would trip a log or a header."""
    found = http.get("models", headers={HEADER: given.encode("latin-1")}).headers[HEADER]
    assert found.startswith("req_")


def test_each_answer_has_its_line(http: TestClient, log: Path) -> None:
    """Every answer's id is in the log once, with method, route, status, time and bytes."""
    answers = [
        http.get("models"),
        http.get("files/file-none"),
        http.get("nothing/at/all"),
        http.post("embeddings", content=b"{"),
        http.post("embeddings", json={"model": MODEL, "input": "red1"}),
        http.get("http://127.0.0.1/healthz"),
        http.get("files?after=%00"),
    ]
    lines = _requests(log)
    assert [line["request_id"] for line in lines] == [answer.headers[HEADER] for answer in answers]
    assert [line["status"] for line in lines] == [answer.status_code for answer in answers]
    assert [line["route"] for line in lines] == [
        "/v1/models", "/v1/files/{name}", "unmatched", "/v1/embeddings", "/v1/embeddings", "/healthz", "unmatched",
    ]  # fmt: skip
    assert all(line["ms"] >= 0 and line["bytes_out"] == len(answer.content) for line, answer in zip(lines, answers))  # noqa: B905
    embedded = lines[4]
    assert (embedded["model"], embedded["tokens"], embedded["project"]) == ("plain-model", 3, "default")
    assert embedded["bytes_in"] > 0
    assert lines[1]["code"] == "not_found"
    assert lines[5]["level"] == "debug"


def test_probe_that_fails_is_logged_at_any_level(http: TestClient, tmp_path: Path) -> None:
    """By default a probe that finds the server well leaves no line, and one that does not leaves its own."""
    file = tmp_path / "service.log"
    with writing_log(LogConfig(file=file)):
        http.get("http://127.0.0.1/healthz")
        failed = http.get("http://127.0.0.1/readyz")  # nothing is loaded yet
    assert failed.status_code == 503
    (line,) = _requests(file)
    assert (line["request_id"], line["route"], line["level"]) == (failed.headers[HEADER], "/readyz", "info")


def test_fault_has_traceback_under_the_same_id(services: Services, log: Path) -> None:
    """What nobody foresaw leaves two lines of one id: the fault with its traceback, and the request."""
    http = _broken(services, ValueError("inside"))
    answer = http.get("files")
    fault, request = (line for line in _lines(log) if line.get("request_id") == answer.headers[HEADER])
    assert (fault["error"], request["status"]) == ("ValueError", 500)
    assert "test_request_ids.py" in fault["traceback"]


@pytest.mark.parametrize("error", [ValueError(SECRET), StorageError(f"password={SECRET}")], ids=["foreign", "ours"])
def test_no_secret_is_logged(services: Services, log: Path, error: Exception) -> None:
    """A secret in a header, the query, the path, the body or the message of an error is nowhere in the log."""
    http = _broken(services, error)
    bearer = {"authorization": f"Bearer {SECRET}", "x-api-key": SECRET, "cookie": SECRET, HEADER: f"sk-{SECRET}"}
    http.get("models", headers=bearer)
    http.get(f"files?after={SECRET}&api_key={SECRET}")
    http.get(f"{SECRET}/{SECRET}")
    http.get(f"models/{SECRET}")
    http.request(SECRET, "files")
    http.post("embeddings", json={"model": MODEL, "input": SECRET, "user": SECRET})
    http.post("embeddings", json={"model": SECRET, "input": SECRET, SECRET: 1})
    http.post("embeddings", content=SECRET.encode())
    http.post("files", files={"file": (f"{SECRET}.jsonl", SECRET.encode())}, data={"purpose": SECRET})
    body = {"model": MODEL, "training_file": SECRET, "metadata": {SECRET: SECRET}, "suffix": SECRET}
    http.post("fine_tuning/jobs", json=body)
    text = log.read_text(encoding="utf-8")
    assert len(_requests(log)) == 10
    assert SECRET not in text


def test_texts_of_a_failing_model_are_not_logged(services: Services, log: Path) -> None:
    """A model that fails with the text in its message leaves no text in the log."""

    class Failing:
        waiting_tokens = waiting_texts = 0

        def room_for(self, tokens: int) -> AbstractContextManager[int]:
            return nullcontext(tokens)

        async def beside(self, work: Callable[[], object], **named: object) -> object:
            return work()

        async def embed(self, *given: object, **named: object) -> None:
            raise RuntimeError(f"can't read {given!r} {SECRET}")

    app = build_app(replace(services, queue=Failing()))  # type: ignore[arg-type]
    http = TestClient(app, base_url="http://127.0.0.1/v1/", raise_server_exceptions=False)
    answer = http.post("embeddings", json={"model": MODEL, "input": "private words"})
    assert answer.status_code == 500
    text = log.read_text(encoding="utf-8")
    assert "RuntimeError" in text
    assert not [word for word in (SECRET, "private words") if word in text]


def test_work_for_a_request_has_its_id(services: Services, log: Path) -> None:
    """What is logged in a thread that works for a request bears the request's id."""

    class Telling:
        def list(self, *given: object, **named: object) -> None:
            logging.getLogger("vectune.jobs").info("looking")
            raise ValueError

    app = build_app(replace(services, files=Telling()))  # type: ignore[arg-type]
    answer = TestClient(app, base_url="http://127.0.0.1/v1/", raise_server_exceptions=False).get("files")
    (line,) = [line for line in _lines(log) if line["message"] == "looking"]
    assert line["request_id"] == answer.headers[HEADER]


def test_client_finds_its_request(app: FastAPI, log: Path, client: openai.OpenAI) -> None:
    """The id that the official client shows with an error is the one in the log."""
    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("nothing")
    assert refused.value.request_id in [line["request_id"] for line in _requests(log)]


def _broken(services: Services, error: Exception) -> TestClient:
    """The app with a file store that raises `error` when files are listed."""

    class Broken:
        def list(self, *given: object, **named: object) -> None:
            raise error

        def get(self, *given: object, **named: object) -> None:
            raise error

        create = get

    app = build_app(replace(services, files=Broken()))  # type: ignore[arg-type]
    return TestClient(app, base_url="http://127.0.0.1/v1/", raise_server_exceptions=False)
