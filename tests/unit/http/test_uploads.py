"""Uploads under way."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from tests.unit.http.conftest import ROWS
from vectune.http.app import build_app
from vectune.http.services import Services
from vectune.http.uploads import Uploads
from vectune.jobs.quotas import LimitReached

LARGE = 3 << 20
"""More than is kept in memory on its way."""


class Upload:
    """One that has a place until it is told to end."""

    def __init__(self, uploads: Uploads, project: str) -> None:
        self.has_place = False
        self._end = asyncio.Event()
        self.task = asyncio.create_task(self._run(uploads, project))

    async def end(self) -> None:
        self._end.set()
        await self.task

    async def _run(self, uploads: Uploads, project: str) -> None:
        async with uploads.one_of(project):
            self.has_place = True
            await self._end.wait()
        self.has_place = False


async def _let_on() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def _places(made: list[Upload]) -> list[bool]:
    return [upload.has_place for upload in made]


async def test_others_wait_in_order() -> None:
    """Beyond as many as may be under way uploads wait, and have their turn one after the other."""
    uploads = Uploads(2, 60)
    made = [Upload(uploads, project) for project in "abcd"]
    await _let_on()
    assert _places(made) == [True, True, False, False]
    await made[1].end()
    await _let_on()
    assert _places(made) == [True, False, True, False]
    await made[0].end()
    await _let_on()
    assert _places(made) == [False, False, True, True]
    for upload in made[2:]:
        await upload.end()
    assert await asyncio.wait_for(_all_places(uploads, 2), 20)


async def _all_places(uploads: Uploads, most: int) -> bool:
    """Whether all places are free, of projects of their own."""
    made = [Upload(uploads, f"p{number}") for number in range(most)]
    await _let_on()
    found = all(_places(made))
    for upload in made:
        await upload.end()
    return found


async def test_one_project_leaves_a_place_to_others() -> None:
    """However many uploads a project has, another's begins at once; with one place alone a project may have that."""
    uploads = Uploads(3, 60)
    made = [Upload(uploads, "a") for _ in range(3)] + [Upload(uploads, "b")]
    await _let_on()
    assert _places(made) == [True, True, False, True]
    await made[3].end()
    await _let_on()
    assert _places(made) == [True, True, False, False]
    await made[0].end()
    await _let_on()
    assert _places(made)[:3] == [False, True, True]
    for upload in made[1:3]:
        await upload.end()
    assert await _all_places(Uploads(1, 60), 1)


async def test_who_waited_too_long_is_told_when_to_come_back() -> None:
    """The refusal is one that clients try again after, and leaves the queue as it was."""
    uploads = Uploads(1, 0.01)
    first = Upload(uploads, "a")
    await _let_on()
    with pytest.raises(LimitReached) as refused:
        async with uploads.one_of("b"):
            raise AssertionError("there was no place")
    assert refused.value.retry_after == 10
    await first.end()
    assert await _all_places(uploads, 1)


async def test_who_leaves_takes_no_place() -> None:
    """Callers that hang up while they wait, or just as their turn comes, hold nothing."""
    uploads = Uploads(1, 60)
    first, second, third = (Upload(uploads, project) for project in "abc")
    await _let_on()
    second.task.cancel()
    await _let_on()
    first._end.set()
    while not first.task.done():
        await asyncio.sleep(0)
    third.task.cancel()  # it has had its turn, and did not hear of it yet
    await asyncio.gather(second.task, third.task, return_exceptions=True)
    assert not third.has_place
    assert await _all_places(uploads, 1)


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder that can't be written to: the one setting of the standard library for all of a process."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    return tmp_path / "gone"


def test_temporary_folder_that_takes_nothing(services: Services, gone: Path) -> None:
    """An upload that can't be kept on its way is a 503 that says nothing of the server's folders, and no fault."""
    config = services.config.model_copy(update={"upload_bytes": 2 * LARGE})
    http = TestClient(build_app(replace(services, config=config)), base_url="http://127.0.0.1/v1/")
    answer = http.post("files", files={"file": ("a.jsonl", b" " * LARGE)}, data={"purpose": "user_data"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "storage_error")
    assert str(gone) not in answer.text
    assert http.post("files", files={"file": ("a.jsonl", ROWS)}, data={"purpose": "user_data"}).status_code == 200


async def test_uploads_beyond_the_limit(services: Services) -> None:
    """While as many come as may, the next is a 429 that says when to come back; when they are done it is taken."""
    made = replace(services, uploads=Uploads(1, 0.01))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(build_app(made))) as http:
        url, form = "http://127.0.0.1/v1/files", {"purpose": "user_data"}
        async with made.uploads.one_of("other"):
            refused = await http.post(url, files={"file": ("a.jsonl", ROWS)}, data=form)
        taken = await http.post(url, files={"file": ("a.jsonl", ROWS)}, data=form)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert taken.status_code == 200
