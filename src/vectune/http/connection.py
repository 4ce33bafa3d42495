"""Connections to the server: a head of a request that does not arrive in time ends one, and so does a broken one."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from vectune.http.errors import error_content
from vectune.http.joined_writes import JoinedWrites
from vectune.http.metrics import OTHER, UNMATCHED
from vectune.http.request_ids import HEADER

_CODE = "invalid_request"
_LOG = logging.getLogger("vectune.http.requests")


class Connection(H11Protocol):
    """uvicorn's connection, which itself waits for ever for the rest of a head."""

    head_seconds = 10.0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        super().connection_made(JoinedWrites(transport))  # type: ignore[arg-type]
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; while it is no whole head, time runs."""
        super().data_received(data)
        if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
            self._stop_waiting()
        else:
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the shape of every other error, with a line in the log, and end the connection."""
        request_id = f"req_{uuid.uuid4().hex}"
        body = error_content("The request is no HTTP that this server reads.", code=_CODE)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (HEADER.encode(), request_id.encode()),
            (b"connection", b"close"),
        ]
        events: tuple[Any, ...] = (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        try:
            for event in events:
                self.transport.write(self.conn.send(event) or b"")
        except h11.LocalProtocolError:  # an answer has begun already: nothing can be said any more
            pass
        facts = {"request_id": request_id, "method": OTHER, "route": UNMATCHED, "status": 400, "code": _CODE}
        _LOG.info("what came is no HTTP", extra=facts)
        self.transport.close()

    def _wait(self) -> None:
        if self._waiting is None:
            self._waiting = self.loop.call_later(self.head_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


def connections(head_seconds: float) -> type[asyncio.Protocol]:
    """Connections that wait so long for a head."""
    return type("Connection", (Connection,), {"head_seconds": head_seconds})
