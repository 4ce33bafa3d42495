"""Callers that hang up."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.requests import Request

from tests.fakes.hash_encoder import HashEncoder
from tests.fakes.slow_encoder import SlowEncoder
from tests.unit.http.conftest import MODEL, hash_model
from tests.unit.http.keyed import new_key
from vectune.encode.endpoint_client import EndpointAnswer
from vectune.http import leaving
from vectune.http.app import build_app
from vectune.http.leaving import CallerLeft, unless_left
from vectune.http.services import Services
from vectune.records import Role
from vectune.serve.models import ModelCache
from vectune.serve.remote_model import Calls, RemoteModel
from vectune.serve.shared_encoder import SharedEncoder


def _request(*messages: str) -> Request:
    coming = list(messages)

    async def receive() -> dict[str, str]:
        if not coming:
            await asyncio.Event().wait()
        return {"type": coming.pop(0)}

    return Request({"type": "http", "headers": []}, receive)


async def test_answer_goes_to_who_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the work gives is given on, and so is what it raises, while somebody looks whether the caller is there."""
    monkeypatch.setattr(leaving, "_SOON", 0.0)  # no request of a test takes as long as the slow ones of a server

    async def work() -> int:
        await asyncio.sleep(0.01)
        return 5

    async def fail() -> int:
        await asyncio.sleep(0.01)
        raise ValueError("no")

    assert await unless_left(_request("http.request"), work()) == 5
    with pytest.raises(ValueError, match="no"):
        await unless_left(_request(), fail())


async def test_work_for_who_left_is_given_up() -> None:
    """The work is cancelled when the caller hangs up first."""
    cancelled = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(CallerLeft):
        await unless_left(_request("http.disconnect"), work())
    await asyncio.wait_for(cancelled.wait(), 10)


async def test_nobody_looks_before_a_short_request_is_answered() -> None:
    """What is answered at once costs no second task."""
    asked = 0

    async def receive() -> dict[str, str]:
        nonlocal asked
        asked += 1
        return {"type": "http.disconnect"}

    async def work() -> int:
        return 5

    assert await unless_left(Request({"type": "http", "headers": []}, receive), work()) == 5
    await asyncio.sleep(0.1)
    assert asked == 0


@pytest.mark.parametrize("wait", [0.0, 0.01])
async def test_cancelled_from_elsewhere_is_cancelled(monkeypatch: pytest.MonkeyPatch, wait: float) -> None:
    """A server that stops cancels its requests, before somebody looks whether the caller is there or afterwards: that
    is not taken for a caller that left."""
    monkeypatch.setattr(leaving, "_SOON", 0.0)  # no request of a test takes as long as the slow ones of a server
    task = asyncio.create_task(unless_left(_request(), asyncio.Event().wait()))
    await asyncio.sleep(wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_task_goes_on_after_a_caller_left() -> None:
    """The answer to nobody is still made in the same task, which must not stay cancelled."""
    with pytest.raises(CallerLeft):
        await unless_left(_request("http.disconnect"), asyncio.Event().wait())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def _ask_and_leave(app: FastAPI, secret: str | None = None, until: threading.Event | None = None) -> int:
    """A request whose caller hangs up as soon as it is sent, or something has happened; the status of the answer that
    nobody sees."""
    body = [{"type": "http.request", "body": b'{"model": "%s", "input": "left"}' % MODEL.encode(), "more_body": False}]
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        if body:
            return body.pop()
        assert until is None or await asyncio.to_thread(until.wait, 20)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1")]
    if secret is not None:
        headers.append((b"authorization", f"Bearer {secret}".encode()))
    scope = {"type": "http", "method": "POST", "path": "/v1/embeddings", "headers": headers, "query_string": b""}
    await app(scope, receive, send)  # type: ignore[arg-type]
    return int(str(sent[0]["status"]))


async def test_texts_of_who_left_never_reach_the_model(services: Services) -> None:
    """Through the whole app: the texts of a caller that hung up while waiting are not encoded."""
    slow = SlowEncoder()
    services.cache.get("plain-model")._encoder = slow  # type: ignore[union-attr]
    first = asyncio.create_task(services.queue.embed(SharedEncoder(slow), ["first"], Role.DOCUMENT))
    assert await asyncio.to_thread(slow.started.wait, 20)
    assert await _ask_and_leave(build_app(services)) == 499
    slow.gate.set()
    await first
    assert [texts for texts, _ in slow.batches] == [("first",)]


async def test_who_leaves_while_a_model_is_loaded(services: Services) -> None:
    """Nobody waits for the model any more, and it is there for the next caller all the same."""
    gate = threading.Event()

    def load(name: str) -> SharedEncoder:
        assert gate.wait(20)
        return hash_model(name)

    cache = ModelCache(load, 1 << 30, lambda name: 0)
    assert await _ask_and_leave(build_app(replace(services, cache=cache))) == 499
    assert cache.held("plain-model") is None
    gate.set()
    assert (await cache.wait_for("plain-model")).name == "plain-model"


async def test_who_leaves_an_endpoint_pays_for_what_is_under_way(services: Services) -> None:
    """The endpoint answers and bills a request that it was sent, whoever waits for it; one that still waited for its
    turn is not sent any more, and costs nothing."""
    started, gate = threading.Event(), threading.Event()

    class Endpoint:
        def ask(self, texts: Sequence[str]) -> EndpointAnswer:
            started.set()
            assert gate.wait(20)
            return EndpointAnswer(HashEncoder().encode(texts), 5)

    calls = Calls(1)
    cache = ModelCache(lambda name: RemoteModel(Endpoint(), calls, name), 1 << 30, lambda name: 0)
    app = build_app(replace(services, cache=cache))
    for _ in range(2):
        assert await _ask_and_leave(app, new_key(services, tokens_in_all=100), started) == 499
    gate.set()
    services.limits.close()
    assert sorted(key.tokens_used for key in services.keys.list()) == [0, 2]  # two, as guessed of the text
