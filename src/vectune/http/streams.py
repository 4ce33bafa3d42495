"""Answers that last: streams of events, so many of a project at a time, which look for news in threads of their own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from vectune.jobs.quotas import LimitReached

T = TypeVar("T")
_THREADS = 2
_COME_BACK_SECONDS = 10.0


class Streams:
    """Counts the open streams of each project, of which there may be `most` at a time, and owns the threads that ask
    the database for them: however many there are, they take none from other requests. Used by one event loop."""

    def __init__(self, most: int = 20) -> None:
        self._most = most
        self._open: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vectune-streams")

    @contextmanager
    def one_of(self, project: str) -> Iterator[None]:
        """Count a stream of `project` while the block lasts; LimitReached when it has as many as it may."""
        if self._open[project] >= self._most:
            raise LimitReached(
                f"The project may have {self._most} event streams open at a time, and has.",
                "Close one, or ask without `stream`.",
                _COME_BACK_SECONDS,
            )
        self._open[project] += 1
        try:
            yield
        finally:
            self._open[project] -= 1
            if not self._open[project]:
                del self._open[project]

    async def look(self, ask: Callable[[], T]) -> T:
        """What `ask` gives, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    def close(self) -> None:
        """Look for nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class EventStream(StreamingResponse):
    """`blocks` of server-sent events; one of the project's `streams` until it ends or its caller hangs up."""

    media_type = "text/event-stream"

    def __init__(self, blocks: AsyncIterator[bytes], streams: Streams, project: str) -> None:
        super().__init__(blocks)
        self._streams = streams
        self._project = project

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; LimitReached, before anything is sent, when the project has too many."""
        with self._streams.one_of(self._project):
            await super().__call__(scope, receive, send)
