"""Threads in which the bytes of files are kept and read: a slow store holds up other files alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

T = TypeVar("T")
_READERS = 4
"""Blocks that are read at the same time, of however many files."""


class Transfers:
    """Owns `keepers` threads that keep uploads, and others that read contents. Those of asyncio, in which keys and
    models are looked up, are left to whoever is answered soon."""

    def __init__(self, keepers: int) -> None:
        self._keepers = ThreadPoolExecutor(keepers, thread_name_prefix="vectune-keep")
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="vectune-content")

    async def keep(self, action: Callable[[], T]) -> T:
        """What `action`, which keeps a file, gives."""
        return await asyncio.get_running_loop().run_in_executor(self._keepers, action)

    async def read(self, action: Callable[[], T]) -> T:
        """What `action`, which reads of a file, gives."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, action)

    async def blocks(self, content: Iterator[bytes]) -> AsyncIterator[bytes]:
        """The blocks of `content`, none of them empty, each read when it is wanted."""
        while block := await self.read(partial(next, content, b"")):
            yield block

    def close(self) -> None:
        """Begin nothing any more; what is under way is not waited for."""
        for pool in (self._keepers, self._readers):
            pool.shutdown(wait=False, cancel_futures=True)
