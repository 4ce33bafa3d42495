"""A load generator in one thread: keep-alive connections over epoll, requests made beforehand, answers only measured.

`python benchmarks/load.py FILE` reads {"host", "port", "path", "clients", "seconds", "warm_seconds", "bodies"} from
FILE and prints one JSON object. Each client sends its next request as soon as it has an answer; no body is sent twice
unless they run out. It takes a small and equal share of a core whatever it asks: nothing of an answer is read but its
status and length.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

END = b"\r\n\r\n"


@dataclass
class Client:
    """One connection: what came of the present answer, and when its request was sent."""

    connection: socket.socket
    sent: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    whole: int = 0
    """Bytes of the whole answer; 0 before its head is known."""


@dataclass
class Tally:
    """Of each answer the moment it came, its milliseconds and status, and how many there were of each status."""

    times: list[tuple[float, float, int]] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    reused: int = 0
    closed: int = 0
    """Requests that the server closed the connection on."""


def as_request(host: str, port: int, path: str, body: str, key: str = "none") -> bytes:
    """The bytes of one request with a JSON text as its body."""
    raw = body.encode()
    head = f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n"
    return f"{head}authorization: Bearer {key}\r\ncontent-length: {len(raw)}\r\n\r\n".encode() + raw


class Single:
    """Owns one connection, whose requests wait for one another."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._place = (host, port, path)
        self._connection = connected(host, port)

    def milliseconds(self, body: str) -> float:
        """From the request to its whole answer, which must be 200."""
        request, received, whole = as_request(*self._place, body), bytearray(), 0
        begin = time.perf_counter()
        self._connection.sendall(request)
        while not whole or len(received) < whole:
            part = self._connection.recv(1 << 18)
            if not part:
                raise RuntimeError("the server closed the connection")
            received += part
            whole = whole or _whole(received)
        spent = (time.perf_counter() - begin) * 1000
        if received[9:12] != b"200":
            raise RuntimeError(f"the server answered {bytes(received[:300])!r}")
        return spent

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Load:
    """Owns the connections; `bodies` are JSON texts that are sent one after the other, whoever asks."""

    def __init__(self, host: str, port: int, path: str, bodies: list[str], key: str = "none") -> None:
        self._place = (host, port)
        self._requests = [as_request(host, port, path, body, key) for body in bodies]
        self._next = 0
        self.tally = Tally()

    def run(self, clients: int, seconds: float) -> None:
        """Keep so many clients busy for so long; what is under way then is waited for."""
        poll = select.epoll()
        at: dict[int, Client] = {}
        for _ in range(clients):
            client = self._connected()
            at[client.connection.fileno()] = client
            poll.register(client.connection, select.EPOLLIN)
            self._send(client)
        until = time.perf_counter() + seconds
        busy = clients
        while busy:
            for number, _ in poll.poll(60):
                client = at[number]
                closed = self.tally.closed
                if not self._take(client):
                    continue
                if self.tally.closed > closed:
                    poll.unregister(client.connection)
                    client.connection.close()
                    del at[number]
                    client.connection = self._connected().connection
                    at[client.connection.fileno()] = client
                    poll.register(client.connection, select.EPOLLIN)
                if time.perf_counter() < until:
                    self._send(client)
                else:
                    busy -= 1
        for client in at.values():
            client.connection.close()
        poll.close()

    def _connected(self) -> Client:
        return Client(connected(*self._place))

    def _send(self, client: Client) -> None:
        request = self._requests[self._next % len(self._requests)]
        self.tally.reused += self._next >= len(self._requests)
        self._next += 1
        client.received.clear()
        client.whole = 0
        client.sent = time.perf_counter()
        client.connection.sendall(request)

    def _take(self, client: Client) -> bool:
        """Read what came; whether the answer is whole."""
        try:
            part = client.connection.recv(1 << 18)
        except ConnectionError:
            part = b""
        if not part:
            self.tally.closed += 1
            return True
        client.received += part
        client.whole = client.whole or _whole(client.received)
        if not client.whole or len(client.received) < client.whole:
            return False
        now = time.perf_counter()
        status = int(client.received[9:12])
        self.tally.times.append((now, (now - client.sent) * 1000, status))
        self.tally.statuses[status] = self.tally.statuses.get(status, 0) + 1
        return True


def connected(host: str, port: int) -> socket.socket:
    """A connection on which nothing waits for more to send."""
    connection = socket.create_connection((host, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _whole(received: bytearray) -> int:
    """Bytes of the whole answer; 0 while its head is not there."""
    end = received.find(END)
    return 0 if end < 0 else end + len(END) + _length(bytes(received[:end]))


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise SystemExit("an answer has no content-length")


def percentile(values: list[float], share: float) -> float:
    """The value below which that share of `values` lies; 0 without values."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def _percentiles(times: list[float]) -> dict[str, float]:
    return {
        "requests": len(times),
        "p50": percentile(times, 0.50),
        "p95": percentile(times, 0.95),
        "p99": percentile(times, 0.99),
        "slowest": max(times, default=0.0),
    }


def summary(tally: Tally, begin: float, seconds: float) -> dict[str, Any]:
    """Rate and percentiles of the answers that came in the `seconds` after `begin`."""
    counted = [(spent, status) for moment, spent, status in tally.times if begin <= moment < begin + seconds]
    times = [spent for spent, _ in counted]
    return {
        "rate": len(times) / seconds,
        **_percentiles(times),
        "statuses": tally.statuses,
        "reused": tally.reused,
        "closed": tally.closed,
        "by_status": {
            status: _percentiles([spent for spent, found in counted if found == status]) for status in tally.statuses
        },
    }


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    load = Load(given["host"], given["port"], given["path"], given["bodies"], given.get("key", "none"))
    begin = time.perf_counter()
    load.run(given["clients"], given["warm_seconds"] + given["seconds"])
    found = summary(load.tally, begin + given["warm_seconds"], given["seconds"])
    used = resource.getrusage(resource.RUSAGE_SELF)
    share = (used.ru_utime + used.ru_stime) / (time.perf_counter() - begin)
    print(json.dumps(found | {"generator_cores": share}))


if __name__ == "__main__":
    main()
