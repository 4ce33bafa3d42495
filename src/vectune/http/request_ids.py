"""The outermost layer: each answer has an x-request-id, which the log has too; no raw exception leaves; no NUL comes in
(PostgreSQL takes none)."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import uuid
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vectune.http.errors import UNAVAILABLE, error_response, unforeseen
from vectune.http.metrics import METHODS, OTHER, UNMATCHED, ServerMetrics
from vectune.monitor.json_log import log_fields

HEADER = "x-request-id"
_VERSION = (b"openai-version", b"2020-10-01")
_HARMLESS = re.compile(rb"(?!sk-|vt-)[A-Za-z0-9][A-Za-z0-9_.-]{7,63}")
"""Ids of callers that are taken: long enough to be one, no key, nothing that a log or a header would trip over."""
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked for every few seconds by machines: lines of what went well are for debugging only."""
_NOBODY_THERE = 499
_ENDING = "server_is_stopping"
_LOG = logging.getLogger("vectune.http.requests")


@dataclass
class _Answer:
    """What is known of an answer while it is sent: `began` is how many seconds after the request, None before."""

    status: int = _NOBODY_THERE
    began: float | None = None
    sent: int = 0
    received: int = 0


class RequestIds:
    """Names each request, tells how long it took, writes a line about it, and turns what nobody caught into an answer,
    the end of the server too.

    A caller's own x-request-id is kept where it is 8 to 64 letters, digits, `.`, `_` and `-`.
    """

    def __init__(self, app: ASGIApp, metrics: ServerMetrics | None = None) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _given(scope) or f"req_{uuid.uuid4().hex}"
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        answer = _Answer()

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.began = time.perf_counter() - started
                answer.status = message["status"]
                taken = f"{answer.began * 1000:.0f}".encode()
                message["headers"] = [
                    *message["headers"], (HEADER.encode(), request_id.encode()), _VERSION,
                    (b"openai-processing-ms", taken),
                ]  # fmt: skip
            else:
                answer.sent += len(message.get("body", b""))
            await send(message)

        async def counted() -> Message:
            message = await receive()
            answer.received += len(message.get("body", b""))
            return message

        if self._metrics is not None:
            self._metrics.begin()
        with log_fields(request_id=request_id):
            try:
                await self._answer(scope, counted, named, answer)
            finally:
                self._end(scope, answer, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, answer: _Answer) -> None:
        if "\x00" in scope["path"] or b"%00" in scope["query_string"]:
            await error_response(400, "An address can't hold a NUL.")(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:  # by a server that ends; of callers that left nothing else comes out
            scope["state"]["error_code"] = _ENDING
            if answer.began is None:
                await _stopping()(scope, receive, send)
            raise
        except Exception as error:
            response = unforeseen(error, scope["state"]["request_id"])
            if answer.began is None:
                await response(scope, receive, send)

    def _end(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        """Count the request and write its line; neither has the path itself, which callers choose."""
        route = getattr(scope.get("route"), "path", UNMATCHED)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        state = scope["state"]
        if self._metrics is not None:
            self._metrics.end(method, route, answer.status, answer.began or seconds)
            if answer.status == 429:
                self._metrics.refused(state.get("error_code"))
        level = logging.DEBUG if route in _QUIET and answer.status < 400 else logging.INFO
        if _LOG.isEnabledFor(level):
            caller = state.get("caller")
            facts = {
                "method": method,
                "route": route,
                "status": answer.status,
                "code": state.get("error_code"),
                "ms": round(seconds * 1000, 1),
                "bytes_in": answer.received,
                "bytes_out": answer.sent,
                "project": getattr(caller, "project", None),
                "key": getattr(caller, "key", None),
                "model": state.get("model"),
                "tokens": state.get("tokens"),
            }
            told = ("%s %s %d", (method, route, answer.status))
            _LOG.handle(_LOG.makeRecord(_LOG.name, level, __file__, 0, *told, None, extra=facts))


def _stopping() -> Response:
    told = "The server is being stopped; send the request again soon."
    return error_response(503, told, UNAVAILABLE, code=_ENDING, headers={"retry-after": "2", "connection": "close"})


def _given(scope: Scope) -> str | None:
    """The id that the caller gave the request, if it is one that can be kept."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return value.decode("ascii") if _HARMLESS.fullmatch(value) else None
    return None
