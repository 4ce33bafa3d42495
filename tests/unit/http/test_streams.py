"""Streams of events: how many there may be, and where they look for news."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import openai
import pytest
from starlette.testclient import TestClient

from tests.unit.http.conftest import MODEL
from vectune.http.app import build_app
from vectune.http.services import Services
from vectune.http.streams import Streams
from vectune.jobs.job import NewJob
from vectune.jobs.quotas import LimitReached


def test_so_many_of_a_project_at_a_time() -> None:
    """One more than a project may have is refused, another project has its own; one that ends, well or not, makes
    room."""
    streams = Streams(most=2)

    def fail() -> None:
        with streams.one_of("a"):
            raise ZeroDivisionError

    with streams.one_of("a"), streams.one_of("b"):
        with pytest.raises(ZeroDivisionError):
            fail()
        with streams.one_of("a"):
            with pytest.raises(LimitReached) as refused:
                fail()
            assert (refused.value.retry_after or 0) > 0
        with streams.one_of("a"):
            pass
    assert not streams._open


async def test_they_look_in_threads_of_their_own() -> None:
    """Streams take no thread from others, however long the database thinks."""
    streams = Streams()
    names = await asyncio.gather(*(streams.look(lambda: threading.current_thread().name) for _ in range(9)))
    assert {name.rpartition("_")[0] for name in names} == {"vectune-streams"}
    assert len(set(names)) <= 2
    streams.close()


def test_streams_over_http(services: Services, client: openai.OpenAI, file_id: str) -> None:
    """A project with too many is told so in a 429 before anything is sent; plain events are there all the same, and
    streams that ended are not counted."""
    streams = Streams(most=1)
    app = build_app(replace(services, streams=streams))
    http = TestClient(app, base_url="http://127.0.0.1/v1/")
    job = client.fine_tuning.jobs.create(training_file=file_id, model=MODEL)
    client.fine_tuning.jobs.cancel(job.id)
    path = f"fine-tunes/{job.id}/events"
    with streams.one_of("default"):
        refused = http.get(f"{path}?stream=true")
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert int(refused.headers["retry-after"]) > 0
        assert http.get(path).status_code == 200
    for _ in range(3):
        answer = http.get(f"{path}?stream=true")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
    streams.close()


async def test_who_hangs_up_makes_room(services: Services, file_id: str) -> None:
    """A stream of a job that goes on is over when its caller is gone."""
    job = services.jobs.create("default", NewJob(MODEL, file_id)).id
    streams, begun = Streams(most=1), asyncio.Event()
    app = build_app(replace(services, streams=streams))
    told: list[bytes] = []

    async def receive() -> dict[str, str]:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        told.append(message.get("body", b""))
        if message.get("body"):
            assert streams._open == {"default": 1}
            begun.set()

    scope = {"type": "http", "method": "GET", "path": f"/v1/fine-tunes/{job}/events", "query_string": b"stream=true"}
    await app({**scope, "headers": [(b"host", b"127.0.0.1")]}, receive, send)
    assert b"data: {" in b"".join(told)
    assert not streams._open
    streams.close()
