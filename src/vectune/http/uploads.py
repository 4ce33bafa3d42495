"""Uploads under way: so many at a time, since each fills the temporary folder by as much as a file may have."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from vectune.jobs.quotas import LimitReached

_COME_BACK_SECONDS = 10.0


class Uploads:
    """Counts the uploads under way, of which there may be `most` at a time; of one project one less, so that its slow
    ones leave a place to others. Who comes then waits in order, `seconds` at most. Used by one event loop."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most = most
        self._most_of_one = max(most - 1, 1)
        self._seconds = seconds
        self._under_way: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def one_of(self, project: str) -> AsyncIterator[None]:
        """Count an upload of `project` while the block lasts; LimitReached when there was no place for it in time."""
        if self._has_place(project):
            self._under_way[project] += 1
        else:
            await self._turn(project)
        try:
            yield
        finally:
            self._give_back(project)

    async def _turn(self, project: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((project, turn))
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # too late: the place is another's
                self._give_back(project)
            else:
                self._waiting.remove((project, turn))
            if isinstance(error, TimeoutError):
                again = f"Try again in {_COME_BACK_SECONDS:.0f} s."
                raise LimitReached("As many uploads are under way as may be.", again, _COME_BACK_SECONDS) from error
            raise

    def _has_place(self, project: str) -> bool:
        return self._under_way.total() < self._most and self._under_way[project] < self._most_of_one

    def _give_back(self, project: str) -> None:
        """End an upload; whoever waits first of those that may have its place has it from now on."""
        self._under_way[project] -= 1
        if not self._under_way[project]:
            del self._under_way[project]
        for entry in self._waiting:
            next_one, turn = entry
            if not turn.done() and self._has_place(next_one):
                self._waiting.remove(entry)
                self._under_way[next_one] += 1
                turn.set_result(None)
                return
