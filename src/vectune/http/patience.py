"""Bodies that trickle: a request that comes too slowly is given up, so that it holds nothing for ever."""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vectune.errors import UsageError


class BodyTooSlow(UsageError):  # noqa: N818 - what happened
    """A body that did not arrive in time."""

    code = "request_timeout"


class Patience:
    """Waits `seconds` for a body, and a second more for every `bytes_a_second` that came of it, but never more than
    `seconds` from one block to the next; then BodyTooSlow is raised to whoever reads it.

    What comes steadily at that rate is taken whole, however large it is; what came fast earns no longer silence. The
    time until the server reads on is not the sender's and is not counted.
    """

    def __init__(self, app: ASGIApp, seconds: float, bytes_a_second: int) -> None:
        self._app = app
        self._seconds = seconds
        self._rate = bytes_a_second

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        left = self._seconds
        whole = False

        async def in_time() -> Message:
            nonlocal left, whole
            if whole:
                return await receive()
            began = time.monotonic()
            try:
                async with asyncio.timeout(left):
                    message = await receive()
            except TimeoutError as error:
                raise BodyTooSlow("The body of the request came too slowly.", "Send it again.") from error
            earned = len(message.get("body", b"")) / self._rate
            left = min(max(left - (time.monotonic() - began), 0.0) + earned, self._seconds)
            whole = not message.get("more_body", False)
            return message

        await self._app(scope, in_time, send)
