"""Callers that hang up before they are answered: what is being done for them is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from vectune.errors import VectuneError

T = TypeVar("T")

_SOON = 0.03
"""Seconds in which most short requests are answered."""


class CallerLeft(VectuneError):  # noqa: N818 - not a fault
    """Nobody waits for the answer any more."""

    code = "caller_left"


async def unless_left(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives; it is cancelled, and CallerLeft raised, when the caller hangs up first.

    The body of the request must have been read. The work runs in the task of the request, which is cancelled from
    outside, and nobody looks whether the caller is there before `_SOON`: a second task would cost a good part of what a
    short request costs.
    """
    task = asyncio.current_task()
    assert task is not None
    leaving: asyncio.Future[None] | None = None

    def cancel(left: asyncio.Future[None]) -> None:
        if not left.cancelled():
            task.cancel()

    def watch() -> None:
        nonlocal leaving
        leaving = asyncio.ensure_future(_left(request))
        leaving.add_done_callback(cancel)

    timer = asyncio.get_running_loop().call_later(_SOON, watch)
    try:
        return await work
    except asyncio.CancelledError:
        if leaving is not None and leaving.done() and not leaving.cancelled() and task.uncancel() == 0:
            raise CallerLeft("The caller hung up before the answer was there.") from None
        raise
    finally:
        timer.cancel()
        if leaving is not None:
            leaving.remove_done_callback(cancel)
            leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
