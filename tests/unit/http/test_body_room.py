"""Memory for bodies on their way."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.http.conftest import MODEL
from vectune.http.app import build_app
from vectune.http.body_room import FREE_BYTES, BodyRoom
from vectune.http.services import Services
from vectune.jobs.quotas import LimitReached

BODY = json.dumps({"model": MODEL, "input": "a" * 100_000}).encode()


def test_room_is_for_all_together() -> None:
    """What bodies have become counts together, beyond the first bytes of each, and comes back when one is done."""
    room = BodyRoom(100)
    with room.one() as first, room.one() as second:
        first(FREE_BYTES + 40)
        first(FREE_BYTES + 60)
        second(FREE_BYTES + 40)
        with pytest.raises(LimitReached) as refused:
            second(FREE_BYTES + 41)
        assert refused.value.retry_after
    with room.one() as hold:
        hold(FREE_BYTES + 100)


def test_small_bodies_always_have_room() -> None:
    """What large bodies hold keeps no small one out."""
    room = BodyRoom(10)
    with room.one() as large, room.one() as small:
        large(FREE_BYTES + 10)
        small(FREE_BYTES)
        with pytest.raises(LimitReached):
            small(FREE_BYTES + 1)


class Sending:
    """A caller that sends all of BODY but its end, and that too once it is `told`."""

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self.begun = asyncio.Event()
        self.status = 0
        self.headers: dict[bytes, bytes] = {}

    async def receive(self) -> dict[str, Any]:
        if not self.begun.is_set():
            self.begun.set()
            return {"type": "http.request", "body": BODY[:-1], "more_body": True}
        await self.told.wait()
        return {"type": "http.request", "body": BODY[-1:], "more_body": False}

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], dict(message["headers"])

    async def ask(self, app: Any) -> None:
        scope = {"type": "http", "method": "POST", "path": "/v1/embeddings", "raw_path": b"/v1/embeddings"}
        scope |= {"query_string": b"", "http_version": "1.1", "server": ("localhost", 80)}
        await app({**scope, "headers": [(b"host", b"localhost")]}, self.receive, self.send)


async def test_body_without_room_is_told_when_to_come_back(services: Services) -> None:
    """While one body fills the room another is a 429 with `retry-after`; the first is answered as ever."""
    app = build_app(replace(services, bodies=BodyRoom(len(BODY) - FREE_BYTES + 10)))
    first, second = Sending(), Sending()
    task = asyncio.create_task(first.ask(app))
    await first.begun.wait()
    await asyncio.sleep(0)
    await second.ask(app)
    assert (second.status, second.headers[b"retry-after"]) == (429, b"2")
    first.told.set()
    await task
    assert first.status == 200
    third = Sending()
    third.told.set()
    await third.ask(app)
    assert third.status == 200
