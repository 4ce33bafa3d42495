"""Servers under test: started in processes of their own, stopped with SIGSTOP while another is measured."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PATIENCE_SECONDS = 240.0
_KINDLY_SECONDS = 20.0


@dataclass
class Server:
    """A server and how it is asked. `process` leads a process group of its own."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    model: str
    path: str = "/v1/embeddings"
    said: str = field(default="")

    def halt(self) -> None:
        """Take it off the cores; its connections stay."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def end(self) -> None:
        """Stop it for good."""
        if self.process.poll() is None:
            self.go_on()
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(_KINDLY_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def ask(self, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and content of one request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{self.path}",
            json.dumps({"model": self.model, **body}).encode(),
            {"content-type": "application/json", "authorization": "Bearer none"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")[:300]

    def wait_until_it_answers(self) -> None:
        """Come back with the first vector; RuntimeError with the end of its log when it dies or takes too long."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                status, content = self.ask({"input": "is anybody there?"})
                if status == 200:
                    return
                self.said = str(content)
            except OSError as error:
                self.said = str(error)
            time.sleep(0.5)
        lines = self.log.read_text(errors="replace").strip().splitlines()[-6:]
        raise RuntimeError(f"{self.name} did not start: {self.said} | {' | '.join(line.strip() for line in lines)}")


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def start(
    name: str, command: Sequence[str], port: int, folder: Path, model: str,
    environment: dict[str, str] | None = None, where: Path | None = None,
) -> Server:  # fmt: skip
    """Run `command`, which listens on `port`, in the folder `where`; its output goes to a file in `folder`."""
    log = folder / f"{name.replace('/', '-')}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", **(environment or {})}, cwd=where or folder,
        )  # fmt: skip
    return Server(name, port, process, log, model)


def start_vectune(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> Server:
    """`vectune serve` of the packaged model on a home under `folder`."""
    port = free_port()
    command = [
        sys.executable, "-m", "vectune", "serve", "--port", str(port), "--home", str(folder / "home"), *arguments
    ]  # fmt: skip
    return start("vectune", command, port, folder, "text-embedding-3-small", environment)


@contextmanager
def vectune_server(*arguments: str) -> Iterator[Server]:
    """The same in a folder that is removed with the block; it answers."""
    with tempfile.TemporaryDirectory(prefix="vectune-bench-") as folder:
        server = start_vectune(Path(folder), *arguments)
        try:
            server.wait_until_it_answers()
            yield server
        finally:
            server.end()


def put_load(
    server: Server, bodies: list[str], clients: int, seconds: float, warm_seconds: float = 1.0
) -> dict[str, Any]:  # fmt: skip
    """What the load generator, in a process of its own, found."""
    given = {
        "host": "127.0.0.1", "port": server.port, "path": server.path, "clients": clients, "seconds": seconds,
        "warm_seconds": warm_seconds, "bodies": bodies,
    }  # fmt: skip
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(given, file)
        file.flush()
        command = [sys.executable, str(HERE / "load.py"), file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the load on {server.name} failed: {done.stderr.strip()[-300:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
