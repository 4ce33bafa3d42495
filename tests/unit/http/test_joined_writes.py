"""Heads that wait for their bodies."""

from __future__ import annotations

import asyncio

import pytest

from vectune.http.joined_writes import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
LARGE = b"." * 100_000


class Written(asyncio.Transport):
    """A transport that remembers what was written."""

    def __init__(self) -> None:
        super().__init__({"peername": "somebody"})
        self.writes: list[bytes] = []
        self.closed_after = -1

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.closed_after = len(self.writes)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([HEAD, b"ab", b""], [HEAD + b"ab", b""]),
        ([HEAD, LARGE, b""], None),
        ([HEAD, b"a", b"b"], [HEAD + b"a", b"b"]),
        ([HEAD, b""], [HEAD]),
        ([HEAD, HEAD, HEAD, b""], [HEAD + HEAD, HEAD]),
        ([b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1"], None),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", HEAD, b"ab"], [b"HTTP/1.1 100 Continue\r\n\r\n", HEAD + b"ab"]),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], None),
    ],
    ids=["whole", "large", "in parts", "no body", "a body like a head", "stream", "continue", "nothing follows"],
)
def test_head_leaves_with_what_follows(given: list[bytes], sent: list[bytes] | None) -> None:
    """A head that tells the length of a body waits for the next write; nothing else does, and nothing is lost."""
    below = Written()
    transport = JoinedWrites(below)
    for data in given:
        transport.write(data)
    assert below.writes == (given if sent is None else sent)


def test_head_leaves_before_the_end() -> None:
    """Who closes after the head has sent it."""
    below = Written()
    transport = JoinedWrites(below)
    transport.write(HEAD)
    transport.close()
    assert below.writes == [HEAD]
    assert below.closed_after == 1


def test_everything_else_is_the_transports() -> None:
    """Who is at the other end, and so on."""
    assert JoinedWrites(Written()).get_extra_info("peername") == "somebody"
