"""Attacks that need a socket: heads and bodies that trickle, heads that are too large, and what is no HTTP."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import uvicorn

from tests.fakes.slow_encoder import SlowEncoder
from tests.unit.http.conftest import MODEL
from vectune.http.app import build_app
from vectune.http.connection import connections
from vectune.http.services import Services

BODY = json.dumps({"model": MODEL, "input": "a"}).encode()
HEAD = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


@contextmanager
def listening(services: Services) -> Iterator[tuple[uvicorn.Server, tuple[str, int]]]:
    """A server of the app and its address, until the block ends; it waits half a second for a head."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        build_app(services), http=connections(0.5), ws="none", lifespan="off", log_config=None, log_level="critical",
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield server, listener.getsockname()
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture
def address(services: Services) -> Iterator[tuple[str, int]]:
    """Where the app listens; it waits half a second for a head and for a body."""
    object.__setattr__(services, "config", services.config.model_copy(update={"body_seconds": 0.5}))
    with listening(services) as (_, place):
        yield place


def read_to_end(connection: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    connection.settimeout(20)
    found = b""
    try:
        while block := connection.recv(1 << 16):
            found += block
    except ConnectionError:
        pass
    return found


def one_answer(connection: socket.socket) -> bytes:
    """The answer to a request for vectors, head and body."""
    answer = b""
    while not answer.endswith(b"}}"):
        block = connection.recv(1 << 16)
        assert block, answer
        answer += block
    return answer


def ask(address: tuple[str, int], sent: bytes) -> bytes:
    """What the server answers to `sent`, until it hangs up."""
    with socket.create_connection(address) as connection:
        connection.sendall(sent)
        return read_to_end(connection)


def trickle(address: tuple[str, int], begin: bytes, more: bytes) -> bytes:
    """Send `begin`, then `more` byte by byte until the server hangs up; what it answered."""
    with socket.create_connection(address) as connection:
        connection.sendall(begin)
        connection.settimeout(0.05)
        found = b""
        for place in range(400):
            try:
                connection.sendall(more[place % len(more) :][:1])
                block = connection.recv(1 << 16)
            except TimeoutError:
                continue
            except ConnectionError:
                return found
            if not block:
                return found
            found += block
        raise AssertionError("the server waits for ever")


def taken(address: tuple[str, int], begin: bytes) -> int:
    """Bytes of lines without end behind `begin` that the server takes before it hangs up, 100 MiB at most."""
    sent = 0
    with socket.create_connection(address) as connection:
        connection.settimeout(20)
        try:
            connection.sendall(begin)
            while sent < 100 << 20:
                connection.sendall(b"x: " + b"v" * 1000 + b"\r\n")
                sent += 1005
        except ConnectionError:
            pass
    return sent


def is_well(address: tuple[str, int]) -> bool:
    """Whether the server answers others."""
    return ask(address, HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") % len(BODY) + BODY).startswith(
        b"HTTP/1.1 200"
    )


def test_head_that_trickles(address: tuple[str, int]) -> None:
    """A head that comes a byte at a time, or never, ends its connection; also the second one on a connection."""
    assert trickle(address, b"GET /healthz HTTP/1.1\r\n", b"x-a: b\r\n") == b""
    assert trickle(address, b"", b"GET /" + b"a" * 400) == b""
    first = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert trickle(address, first + b"GET /healthz", b" ").startswith(b"HTTP/1.1 ")
    with socket.create_connection(address) as silent:
        assert read_to_end(silent) == b""
    assert is_well(address)


def test_body_that_trickles(address: tuple[str, int]) -> None:
    """A body that comes a byte at a time is answered by a 408, and so is one that never comes."""
    found = trickle(address, HEAD % 1_000_000, b" ")
    assert found.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in found
    assert ask(address, HEAD % 100).startswith(b"HTTP/1.1 408")
    assert is_well(address)


def test_many_that_trickle_hold_up_nobody(address: tuple[str, int]) -> None:
    """With a hundred half requests open, a whole one is answered as ever."""
    waiting = [socket.create_connection(address) for _ in range(100)]
    for place, connection in enumerate(waiting):
        connection.sendall(HEAD % 500 if place % 2 else b"GET /v1/models HTTP/1.1\r\nx: ")
    assert is_well(address)
    for connection in waiting:
        connection.close()
    assert is_well(address)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 200 + b"\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nbad header\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n",
        b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"v" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"x: v\r\n" * 20_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
    ids=range(12),
)
def test_what_is_no_http(address: tuple[str, int], sent: bytes) -> None:
    """Broken, giant and contradictory heads are refused in the shape of every error, with an id."""
    found = ask(address, sent)
    head, _, body = found.partition(b"\r\n\r\n")
    assert (
        body or len(sent) > 60_000
    )  # where the server hangs up on what still comes, its answer may be lost on the way
    if body:
        assert head.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431"))
        assert b"x-request-id: req_" in head
        assert json.loads(body)["error"]["type"] == "invalid_request_error"
    assert is_well(address)


def test_chunks_that_are_none(address: tuple[str, int]) -> None:
    """A body that breaks off or breaks its own rules is given up, and nobody else notices."""
    head = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    for chunks in (b"zz\r\n", b"ffffffffffffffffffffff\r\n", b"5\r\nabc", b"-1\r\n", b"5;" + b"x" * 70_000):
        found = ask(address, head + chunks)
        assert not found or found.startswith((b"HTTP/1.1 400", b"HTTP/1.1 408")), found
    with socket.create_connection(address) as leaving:
        leaving.sendall(HEAD % 500 + b"half")
    assert is_well(address)


def test_what_comes_after_the_answer(address: tuple[str, int]) -> None:
    """A caller that is refused and goes on sending is hung up on, however much it promised."""
    head = b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (1 << 60)
    found = trickle(address, head, b"x")
    assert found.startswith(b"HTTP/1.1 413")


def test_requests_one_after_another(address: tuple[str, int]) -> None:
    """Whole requests on one connection are all answered, however they are cut into packets."""
    whole = HEAD % len(BODY) + BODY
    with socket.create_connection(address) as connection:
        connection.settimeout(20)
        for cut in (1, 40, len(whole) - 1):
            connection.sendall(whole[:cut])
            time.sleep(0.05)
            connection.sendall(whole[cut:])
            assert one_answer(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(whole + whole.replace(b"localhost\r\n", b"localhost\r\nConnection: close\r\n"))
        assert read_to_end(connection).count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize("offer", [b"h2c", b"websocket", b"TLS/1.0"])
def test_offers_of_other_protocols_are_passed_over(address: tuple[str, int], offer: bytes) -> None:
    """Clients that offer another protocol with a request (Java's does so with each) are answered in this one."""
    head = HEAD.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: %s\r\n\r\n")
    with socket.create_connection(address) as connection:
        connection.settimeout(20)
        whole = head % (len(BODY), offer) + BODY
        for cut in (0, len(whole) - len(BODY), len(whole) - 3):
            connection.sendall(whole[:cut])
            time.sleep(0.05 * bool(cut))
            connection.sendall(whole[cut:])
            assert one_answer(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(
            b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n"
        )
        assert read_to_end(connection).startswith(b"HTTP/1.1 200")


def test_a_head_that_never_ends(address: tuple[str, int]) -> None:
    """However fast it comes, a head of more than 64 KiB is not kept."""
    assert taken(address, b"GET / HTTP/1.1\r\nHost: localhost\r\n") < 50 << 20
    assert is_well(address)


CHUNKED = b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n%s\r\n%x\r\n%s\r\n0\r\n"


def test_trailers(address: tuple[str, int]) -> None:
    """Lines behind a body in chunks are no headers, and many of them are not kept."""
    whole = CHUNKED % (b"Connection: close\r\n", len(BODY), BODY)
    found = ask(address, whole + b"Host: elsewhere\r\nx-request-id: of-a-trailer\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 200")
    assert b"of-a-trailer" not in found
    assert taken(address, CHUNKED % (b"", len(BODY), BODY)) < 50 << 20
    assert (
        taken(address, b"GET /v1/none HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
        < 50 << 20
    )
    assert is_well(address)


@pytest.mark.parametrize(
    ("more", "answers"),
    [
        (b"garbage\r\n\r\n", [b"200", b"400"]),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3000, [b"200"] * 3001),
        (HEAD % len(BODY) + BODY, [b"200", b"200"]),
    ],
    ids=["garbage", "many", "one more"],
)
def test_what_comes_before_the_answer(services: Services, more: bytes, answers: list[bytes]) -> None:
    """It waits for its turn, and does not break into the answer that is under way."""
    slow = SlowEncoder()
    services.cache.get("plain-model")._encoder = slow  # type: ignore[union-attr]
    with listening(services) as (_, address), socket.create_connection(address) as connection:
        connection.sendall(HEAD % len(BODY) + BODY)
        assert slow.started.wait(20)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(connection.sendall, more)
            time.sleep(0.2)
            slow.gate.set()
            connection.settimeout(20)
            found = b""
            while found.count(b"HTTP/1.1 ") < len(answers) or not found.endswith(b"}"):
                block = connection.recv(1 << 16)
                assert block, found[-300:]
                found += block
        assert re.findall(rb"(?:^|})HTTP/1.1 (\d+)", found) == answers
        assert is_well(address)


def test_a_head_right_behind_a_large_body(address: tuple[str, int]) -> None:
    """The bytes of a body are not counted as those of the head behind it."""
    body = json.dumps({"model": MODEL, "input": ["b" * 100] * 1000}).encode()
    with socket.create_connection(address) as connection:
        connection.sendall(HEAD % len(body) + body + b"GET /healthz HT")
        assert one_answer(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(b"TP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert read_to_end(connection).startswith(b"HTTP/1.1 200")


def test_a_last_request_after_an_offer(address: tuple[str, int]) -> None:
    """What comes behind a request that ends its connection is passed over, also after an offer of another protocol."""
    with socket.create_connection(address) as connection:
        connection.sendall(
            (HEAD % len(BODY)).replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n") + BODY
        )
        assert one_answer(connection).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nmore\r\n")
        assert read_to_end(connection).startswith(b"HTTP/1.1 200")


def test_what_is_no_http_is_in_the_log(address: tuple[str, int], caplog: pytest.LogCaptureFixture) -> None:
    """The id that such a caller is given is found again, in a line as those of other requests."""
    with caplog.at_level(logging.INFO, "vectune.http.requests"):
        answer = ask(address, b"GET / HTTP/1.1\r\nbad header\r\n\r\n")
    found = re.search(rb"x-request-id: (req_\w+)", answer)
    assert found is not None
    (line,) = [record for record in caplog.records if record.name == "vectune.http.requests"]
    facts = vars(line)
    assert facts["request_id"] == found[1].decode()
    assert (facts["route"], facts["status"], facts["code"]) == ("unmatched", 400, "invalid_request")


def test_server_that_ends_tells_who_still_waits(services: Services) -> None:
    """A request that is not done when the server loses patience is answered by a 503 with an id, not by plain text."""
    slow = SlowEncoder()
    services.cache.get("plain-model")._encoder = slow  # type: ignore[union-attr]
    with ThreadPoolExecutor(1) as pool:
        with listening(services) as (server, address):
            waiting = pool.submit(ask, address, HEAD % len(BODY) + BODY)
            assert slow.started.wait(20)
            server.should_exit = True
            answer = waiting.result(20)
        slow.gate.set()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503")
    assert b"x-request-id: req_" in head
    assert json.loads(body)["error"]["code"] == "server_is_stopping"
