"""The outermost layer."""

from __future__ import annotations

from typing import Any

import pytest

from vectune.http.request_ids import HEADER, RequestIds


async def _run(app: Any, kind: str = "http") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    await RequestIds(app)(
        {"type": kind, "headers": [], "method": "GET", "path": "/", "query_string": b""}, receive, send
    )  # type: ignore[arg-type]
    return sent


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


async def test_other_kinds_pass_through() -> None:
    """Only requests are named."""
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    await _run(app, "lifespan")
    assert "state" not in seen[0]
