"""Answers leave in one piece: the head of an answer waits for its body, which follows at once."""

from __future__ import annotations

import asyncio
from typing import Any

_HEAD = b"HTTP/1.1 "
_WITH_BODY = b"\r\ncontent-length: "
_SMALL = 1 << 16
"""Bytes that are copied to go with a head; more would take longer than a second write."""


class JoinedWrites:
    """A transport on which the head of an answer and the beginning of its body are one write: each costs a call of the
    kernel here and wakes the caller. Only heads that tell the length of a body wait; those of streams, whose first word
    may come late, do not. Everything else is the transport's own.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        """What is not changed here."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send `data`, or keep it for the next write if it is a head."""
        head, self._head = self._head, b""
        if not head and data.startswith(_HEAD) and _WITH_BODY in data[:_SMALL]:
            self._head = data
        elif not head or len(data) <= _SMALL:
            self._transport.write(head + data)
        else:
            self._transport.write(head)
            self._transport.write(data)

    def close(self) -> None:
        """Send what is kept, and close."""
        if self._head:
            self.write(b"")
        self._transport.close()
