"""Connections to the server: a head of a request that does not arrive in time, is too large or can be read in two ways
ends one, and so does a broken one."""

from __future__ import annotations

import asyncio
import logging
import uuid

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vectune.http.errors import error_content
from vectune.http.metrics import OTHER, UNMATCHED
from vectune.http.request_ids import HEADER

_CODE = "invalid_request"
_MOST_BYTES_BESIDE = 1 << 16
"""Bytes of heads, trailers and extensions of chunks that may come before the next part of a body or request."""
_LOG = logging.getLogger("vectune.http.requests")


class Connection(HttpToolsProtocol):
    """uvicorn's connection over httptools, which itself waits for ever for the rest of a head, takes one of any size,
    takes those that proxies and servers read in different ways, takes trailers for headers, and loses a body after an
    offer of another protocol.

    One request at a time: what comes after a whole request before it is answered is not read, and the connection ends
    with the answer, so that the client sends it again (RFC 9112, 9.3.2).
    """

    head_seconds = 10.0
    _waiting: asyncio.TimerHandle | None = None
    _in_head = False
    _moved = False
    """Whether the last bytes brought a head to its end, began one, or were a part of a body."""
    _beside = 0
    """Bytes since then."""
    _owed = 0
    """Bytes of a body that the parser leaves to its caller, since the request offers another protocol."""
    _deaf = False
    """Whether the connection ends with the answer that is under way, and nothing that comes is read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; while it is no whole head, time runs and bytes are counted."""
        self._unset_keepalive_if_required()
        size = len(data)
        self._moved = False
        if self._deaf:
            self.flow.pause_reading()  # whoever waits for the caller to leave lets it go on
        while data and not self._deaf and not self.transport.is_closing():
            data = self._fed(data)
        self._beside = 0 if self._moved else self._beside + size
        if self._beside > _MOST_BYTES_BESIDE and not self._deaf and not self.transport.is_closing():
            self.send_400_response("")
        if self.transport.is_closing() or self._is_busy:
            self._stop_waiting()
        else:
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = self._moved = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head, or of the trailers behind a body in chunks, which are dropped: they were not there when
        the request was looked at."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request on. An error here ends the connection as one of the parser itself."""
        if self._is_busy:
            self._end_with_answer()
            raise ValueError("a request at a time")
        _refuse_ambiguous(self.headers, self.parser)
        self._in_head, self._moved = False, True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is whole, or begins where the parser sees another protocol begin."""
        self._owed = _announced(self.headers) if self.parser.should_upgrade() else 0
        if not self._owed:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the shape of every other error, with a line in the log, and end the connection; an
        answer that is under way is not broken into."""
        request_id = f"req_{uuid.uuid4().hex}"
        facts = {"request_id": request_id, "method": OTHER, "route": UNMATCHED, "status": 400, "code": _CODE}
        _LOG.info("what came is no HTTP", extra=facts)
        if self._is_busy and not self.cycle.more_body:
            self._end_with_answer()
            return
        if not self._is_busy or not self.cycle.response_started:
            self.transport.write(_refusal(request_id))
        self.transport.close()

    @property
    def _is_busy(self) -> bool:
        """Whether a request is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    def _end_with_answer(self) -> None:
        self._deaf = True
        self.cycle.keep_alive = False
        self.flow.pause_reading()

    def _fed(self, data: bytes) -> bytes:
        """What is left of `data` when a part of it was read."""
        if self._owed:
            part, data = data[: self._owed], data[self._owed :]
            self._owed -= len(part)
            self.on_body(part)
            if not self._owed:
                super().on_message_complete()
            return data
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
            return data[int(offer.args[0]) :]
        except httptools.HttpParserError:
            if not self._deaf:
                self.send_400_response("")
        return b""

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


def _refuse_ambiguous(headers: list[tuple[bytes, bytes]], parser: httptools.HttpRequestParser) -> None:
    """ValueError for a head without or with two names of the host (RFC 9112, 3.2), or whose body is packed on its way
    (6.1), of which httptools takes both; or with chunks after an offer of another protocol, which it leaves unread."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and parser.get_http_version() == "1.1"):
        raise ValueError("a request names its host once")
    encodings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if any(encoding != b"chunked" for encoding in encodings) or (encodings and parser.should_upgrade()):
        raise ValueError("a body comes whole or in chunks")


def _announced(headers: list[tuple[bytes, bytes]]) -> int:
    """Bytes of the body; the parser has seen that they are a number, and one only."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)


def _refusal(request_id: str) -> bytes:
    """The whole answer to what is no HTTP."""
    body = error_content("The request is no HTTP that this server reads.", code=_CODE)
    head = (
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{HEADER}: {request_id}\r\nconnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body
