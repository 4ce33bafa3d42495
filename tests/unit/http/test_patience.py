"""Bodies that trickle."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.unit.http.conftest import MODEL
from vectune.http.app import build_app
from vectune.http.patience import BodyTooSlow, Patience
from vectune.http.services import Services

BODY = orjson.dumps({"model": MODEL, "input": "a"})


async def send_slowly(app: Any, blocks: list[bytes], pause: float, path: str = "/v1/embeddings") -> dict[str, Any]:
    """Ask `app` with a body that comes block by block; what it answers."""
    sent: list[dict[str, Any]] = []
    coming = list(blocks)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        if not coming:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": coming.pop(0), "more_body": bool(coming)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=b")]
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    await app({**scope, "headers": headers, "http_version": "1.1", "server": ("localhost", 80)}, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return {"status": sent[0]["status"], "headers": dict(sent[0]["headers"]), "body": body}


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/fine_tuning/jobs", "/v1/fine-tunes", "/v1/files"])
async def test_body_that_trickles_is_given_up(services: Services, path: str) -> None:
    """A body that comes a byte at a time is a 408 when its time is over, and the connection is not used again."""
    app = build_app(replace(services, config=services.config.model_copy(update={"body_seconds": 0.1})))
    answer = await send_slowly(app, [b"\n"] * 100, 0.03, path)
    assert answer["status"] == 408
    assert orjson.loads(answer["body"])["error"]["code"] == "request_timeout"
    assert answer["headers"][b"connection"] == b"close"


async def test_body_that_never_comes(services: Services) -> None:
    """A body that was promised and is not sent ends the same way."""
    app = build_app(replace(services, config=services.config.model_copy(update={"body_seconds": 0.05})))
    assert (await send_slowly(app, [], 0.0))["status"] == 408


async def test_long_answer_may_take_its_time(services: Services) -> None:
    """Once the body is there nothing hurries the answer; blocks that come in time are put together."""
    app = build_app(replace(services, config=services.config.model_copy(update={"body_seconds": 5})))
    blocks = [BODY[start : start + 10] for start in range(0, len(BODY), 10)]
    assert (await send_slowly(app, blocks, 0.001))["status"] == 200


async def test_large_bodies_have_longer() -> None:
    """Each so many bytes give another second: a large upload is not cut off for its size."""
    received = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            while (message := await receive())["more_body"]:
                received.append(message["body"])
            await asyncio.sleep(0.1)
            assert (await receive())["type"] == "http.disconnect"
        except BodyTooSlow:
            received.append(b"")

    blocks = [b"x" * 100] * 9

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        if not blocks:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": blocks.pop(), "more_body": bool(blocks)}

    await Patience(app, 0.1, 1000)({"type": "http"}, receive, None)  # type: ignore[arg-type]
    assert received == [b"x" * 100] * 8
    blocks = [b"x"] * 50
    await Patience(app, 0.1, 1000)({"type": "http"}, receive, None)  # type: ignore[arg-type]
    assert received[-1] == b""


async def _read(blocks: list[tuple[float, bytes]], seconds: float, rate: int, busy: float = 0.0) -> list[bytes]:
    """What arrives of blocks that are sent so many seconds after each other and read by an app that is `busy` after
    each; b"" at the end where its time was over."""
    received = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            for _ in blocks:
                received.append((await receive())["body"])
                await asyncio.sleep(busy)
        except BodyTooSlow:
            received.append(b"")

    coming = iter(blocks)

    async def receive() -> dict[str, Any]:
        pause, body = next(coming)
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": body, "more_body": True}

    await Patience(app, seconds, rate)({"type": "http"}, receive, None)  # type: ignore[arg-type]
    return received


async def test_fast_beginning_earns_no_long_silence() -> None:
    """Who sends much at once and then nothing is given up as soon as who never sent anything."""
    much = b"x" * 100_000
    assert await _read([(0, much), (60, b"y")], 0.05, 10) == [much, b""]


async def test_steady_sender_at_the_slowest_rate_is_read_to_the_end() -> None:
    """What comes at the rate takes many times the base patience and is whole; so is what a slow server reads late."""
    block = b"x" * 100
    assert await _read([(0.05, block)] * 10, 0.3, 1000) == [block] * 10
    assert await _read([(0, block)] * 4, 0.1, 10_000, busy=0.15) == [block] * 4
