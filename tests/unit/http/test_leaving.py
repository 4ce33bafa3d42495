"""Callers that hang up."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request

from tests.fakes.slow_encoder import SlowEncoder
from tests.unit.http.conftest import MODEL
from vectune.http.app import build_app
from vectune.http.leaving import CallerLeft, unless_left
from vectune.http.services import Services
from vectune.serve.shared_encoder import SharedEncoder


def _request(*messages: str) -> Request:
    coming = list(messages)

    async def receive() -> dict[str, str]:
        if not coming:
            await asyncio.Event().wait()
        return {"type": coming.pop(0)}

    return Request({"type": "http", "headers": []}, receive)


async def test_answer_goes_to_who_stays() -> None:
    """What the work gives is given on, and so is what it raises."""

    async def work() -> int:
        return 5

    async def fail() -> int:
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


async def test_texts_of_who_left_never_reach_the_model(services: Services) -> None:
    """Through the whole app: the texts of a caller that hung up while waiting are not encoded."""
    slow = SlowEncoder()
    services.cache.get("plain-model")._encoder = slow
    app = build_app(services)
    first = asyncio.create_task(services.queue.embed(SharedEncoder(slow), ["first"], "document"))  # type: ignore[arg-type]
    assert await asyncio.to_thread(slow.started.wait, 20)
    body = [{"type": "http.request", "body": b'{"model": "%s", "input": "left"}' % MODEL.encode(), "more_body": False}]
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return body.pop() if body else {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/embeddings", "headers": [], "query_string": b""}
    await app(scope, receive, send)  # type: ignore[arg-type]
    slow.gate.set()
    await first
    assert [texts for texts, _ in slow.batches] == [("first",)]
    assert sent[0]["status"] == 499
