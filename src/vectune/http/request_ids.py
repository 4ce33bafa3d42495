"""The outermost layer: each answer has an x-request-id, no raw exception leaves, and no NUL comes in (PostgreSQL takes
none)."""

from __future__ import annotations

import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vectune.http.errors import error_response, unforeseen

HEADER = "x-request-id"
_API_VERSION = "2020-10-01"


class RequestIds:
    """Names each request, tells how long it took, and turns what nobody caught into an answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{uuid.uuid4().hex}"
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        begun = False

        async def named(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers[HEADER] = request_id
                headers["openai-version"] = _API_VERSION
                headers["openai-processing-ms"] = f"{(time.perf_counter() - started) * 1000:.0f}"
            await send(message)

        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            await error_response(400, "An address can't hold a NUL.")(scope, receive, named)
            return
        try:
            await self._app(scope, receive, named)
        except Exception as error:
            response = unforeseen(error, request_id)
            if not begun:
                await response(scope, receive, named)
