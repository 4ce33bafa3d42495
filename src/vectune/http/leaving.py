"""Callers that hang up before they are answered: what is being done for them is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from vectune.errors import VectuneError

T = TypeVar("T")


class CallerLeft(VectuneError):  # noqa: N818 - not a fault
    """Nobody waits for the answer any more."""

    code = "caller_left"


async def unless_left(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; it is cancelled, and CallerLeft raised, when the caller hangs up first.

    The body of the request must have been read. The work runs in the task of the request, which is cancelled from
    outside: a second task for it would cost a good part of what a short request costs.
    """
    task = asyncio.current_task()
    assert task is not None

    def cancel(leaving: asyncio.Future[None]) -> None:
        if not leaving.cancelled():
            task.cancel()

    leaving = asyncio.ensure_future(_left(request))
    leaving.add_done_callback(cancel)
    try:
        return await work
    except asyncio.CancelledError:
        if leaving.done() and not leaving.cancelled() and task.uncancel() == 0:
            raise CallerLeft("The caller hung up before the answer was there.") from None
        raise
    finally:
        leaving.remove_done_callback(cancel)
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
