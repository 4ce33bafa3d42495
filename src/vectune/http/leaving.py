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

    The body of the request must have been read.
    """
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise CallerLeft("The caller hung up before the answer was there.")
    finally:
        doing.cancel()
        leaving.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
