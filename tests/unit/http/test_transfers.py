"""Threads for the bytes of files."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from tests.unit.http.conftest import MODEL, ROWS
from vectune.http.app import build_app
from vectune.http.services import Services
from vectune.http.transfers import Transfers
from vectune.jobs.files import FileStore, StoredFile


class SlowStore(FileStore):
    """Keeps and reads nothing until the gate is open; counts who waits there."""

    def __init__(self, like: FileStore) -> None:
        self.__dict__.update(like.__dict__)
        self.gate = threading.Event()
        self.waiting = 0

    def create(self, *given: Any, **settings: Any) -> StoredFile:
        self._wait()
        return super().create(*given, **settings)

    def chunks(self, project: str, name: str) -> Iterator[bytes]:
        self._wait()
        return super().chunks(project, name)

    def _wait(self) -> None:
        self.waiting += 1
        assert self.gate.wait(60)


@pytest.fixture
def slow(services: Services) -> Iterator[SlowStore]:
    """A store at a gate, which is open in the end."""
    store = SlowStore(services.files)
    yield store
    store.gate.set()


@pytest.fixture
async def http(services: Services, slow: SlowStore) -> AsyncIterator[httpx2.AsyncClient]:
    """A caller with a key, where asyncio has one thread of its own."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    transport = httpx2.ASGITransport(build_app(replace(services, files=slow)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1/v1/") as made:
        made.headers = _unseen_key(services)
        yield made


def _unseen_key(services: Services) -> dict[str, str]:
    """The header of a key that is looked up when it is first used."""
    return {"authorization": f"Bearer {services.keys.create('default', 'laptop')[0]}"}


async def _until(ask: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not ask():
            await asyncio.sleep(0.01)


async def test_slow_uploads_hold_up_uploads_alone(
    http: httpx2.AsyncClient, services: Services, slow: SlowStore
) -> None:
    """While every thread that keeps uploads waits for the store, keys are looked up and texts embedded."""
    uploads = [
        asyncio.create_task(http.post("files", files={"file": ("a.txt", ROWS)}, data={"purpose": "user_data"}))
        for _ in range(3)
    ]
    await _until(lambda: slow.waiting == 3)
    async with asyncio.timeout(60):
        unseen = _unseen_key(services)
        embedded = await http.post("embeddings", json={"model": MODEL, "input": "red"}, headers=unseen)
        models = await http.get("models", headers=unseen)
    assert (embedded.status_code, models.status_code, slow.waiting) == (200, 200, 3)
    assert not any(upload.done() for upload in uploads)
    slow.gate.set()
    assert {(await upload).status_code for upload in uploads} == {200}


async def test_slow_contents_hold_up_contents_alone(http: httpx2.AsyncClient, slow: SlowStore) -> None:
    """However many contents are read at a time, who asks for something else is answered; then each has its bytes."""
    slow.gate.set()
    kept = await http.post("files", files={"file": ("a.txt", ROWS)}, data={"purpose": "user_data"})
    slow.gate.clear()
    slow.waiting = 0
    path = f"files/{kept.json()['id']}"
    contents = [asyncio.create_task(http.get(f"{path}/content")) for _ in range(50)]
    await _until(lambda: slow.waiting == 4)
    async with asyncio.timeout(60):
        assert (await http.get(path)).status_code == 200
    assert slow.waiting == 4
    slow.gate.set()
    assert {(await content).content for content in contents} == {ROWS}


async def test_blocks_come_in_order() -> None:
    """A content is given block by block, read in a thread of its own, to its end."""
    threads: list[str] = []

    def content() -> Iterator[bytes]:
        for number in range(3):
            threads.append(threading.current_thread().name)
            yield b"%d" % number

    transfers = Transfers(1)
    assert [block async for block in transfers.blocks(content())] == [b"0", b"1", b"2"]
    assert all(name.startswith("vectune-content") for name in threads)
    transfers.close()
    with pytest.raises(RuntimeError):
        await transfers.keep(lambda: None)
