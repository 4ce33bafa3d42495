"""Memory for bodies on their way."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.http.conftest import MODEL
from vectune.http.app import build_app
from vectune.http.auth import DEFAULT_PROJECT
from vectune.http.body_room import FREE_BYTES, BodyRoom
from vectune.http.services import Services
from vectune.jobs.quotas import LimitReached

BODY = json.dumps({"model": MODEL, "input": "a" * 100_000}).encode()


def test_room_is_for_all_together() -> None:
    """What bodies have become counts together, beyond the first bytes of each, and comes back when one is done."""
    room = BodyRoom(100, 10)
    with room.one_of("a") as first, room.one_of("b") as second:
        first(FREE_BYTES + 40)
        first(FREE_BYTES + 60)
        second(FREE_BYTES + 40)
        with pytest.raises(LimitReached) as refused:
            second(FREE_BYTES + 41)
        assert refused.value.retry_after
    with room.one_of("b") as hold:
        hold(FREE_BYTES + 90)


def test_small_bodies_always_have_room() -> None:
    """What large bodies hold keeps no small one out."""
    room = BodyRoom(10, 10)
    with room.one_of("a") as large, room.one_of("a") as small:
        large(FREE_BYTES + 10)
        small(FREE_BYTES)
        with pytest.raises(LimitReached):
            small(FREE_BYTES + 1)


def test_one_project_leaves_room_for_a_body_of_others() -> None:
    """However much of the room a project wants, another's largest body still has its place; what a project gives back
    it may have again."""
    room = BodyRoom(100, 30)
    with room.one_of("b") as others:
        with room.one_of("a") as first, room.one_of("a") as second:
            first(FREE_BYTES + 40)
            second(FREE_BYTES + 30)
            with pytest.raises(LimitReached) as refused:
                second(FREE_BYTES + 31)
            assert refused.value.retry_after
            others(FREE_BYTES + 30)
        with room.one_of("a") as again:
            again(FREE_BYTES + 70)


def test_room_for_one_body_alone_may_be_had_by_any_project() -> None:
    """Where two of the largest bodies do not fit, one still does: a share is never less than that."""
    room = BodyRoom(50, 30)
    with room.one_of("a") as hold:
        hold(FREE_BYTES + 30)
        with pytest.raises(LimitReached):
            hold(FREE_BYTES + 31)


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
    app = build_app(replace(services, bodies=BodyRoom(len(BODY) - FREE_BYTES + 10, len(BODY))))
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


@pytest.mark.parametrize(("project", "status"), [("other", 200), (DEFAULT_PROJECT, 429)])
async def test_bodies_of_requests_count_for_their_project(services: Services, project: str, status: int) -> None:
    """A request is answered beside all that another project may hold, and refused beside as much of its own."""
    room = BodyRoom(2 * len(BODY), len(BODY))
    app = build_app(replace(services, bodies=room))
    sending = Sending()
    sending.told.set()
    with room.one_of(project) as hold:
        hold(FREE_BYTES + len(BODY))
        await sending.ask(app)
    assert sending.status == status
