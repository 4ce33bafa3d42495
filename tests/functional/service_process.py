"""A real `vectune serve` in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.functional.command_line import COMMAND

_PATIENCE = 120.0
_WORKERS = {"general": "false", "poll_seconds": "0.1", "threads": "1", "nice": "0"}
QUICK = [part for name, value in _WORKERS.items() for part in ("--set", f"jobs.{name}={value}")]


@dataclass(frozen=True)
class Service:
    """A running server: its process and the URL that clients are given (which ends with /v1)."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def root(self) -> str:
        """The URL without /v1."""
        return self.url.removesuffix("/v1")

    def status(self, path: str) -> int:
        """The status of a plain GET."""
        try:
            with urllib.request.urlopen(f"{self.root}{path}", timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def wait_until_ready(self) -> None:
        """Come back when the default model answers."""
        until = time.monotonic() + _PATIENCE
        while self.status("/readyz") != 200:
            assert time.monotonic() < until, self.log.read_text(encoding="utf-8")
            time.sleep(0.1)

    def workers(self) -> list[int]:
        """The processes that this server started and that run."""
        return children(self.process.pid)

    def kill(self) -> None:
        """End the server at once, as the system does when memory runs out."""
        self.process.kill()
        self.end()

    def end(self) -> None:
        """Ask the server to end, unless it has, and wait until it is gone."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        if self.process.stdout is not None:
            self.process.stdout.close()


def start_service(folder: Path, model: Path | None, *arguments: str, log: str = "serve.log") -> Service:
    """Start a server whose home is `folder`/home and whose every base is `model`, by torch; without one, and without
    `arguments` that say otherwise, it has the model and the backend that people have. Its log grows in `folder`."""
    path = folder / log
    command = [str(COMMAND), "serve", "--port", "0", "--home", str(folder / "home")]
    chosen = [] if model is None else ["--default-model", str(model), "--backend", "torch"]
    with path.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [*command, *chosen, *QUICK, *arguments],
            stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("vectune serves http"), path.read_text(encoding="utf-8")
    return Service(process, line.split()[2], path)


@contextmanager
def serving(folder: Path, model: Path | None, *arguments: str, log: str = "serve.log") -> Iterator[Service]:
    """The same, ended with the block."""
    service = start_service(folder, model, *arguments, log=log)
    try:
        yield service
    finally:
        service.end()


def children(pid: int) -> list[int]:
    """Running processes that `pid` started."""
    found = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
    except FileNotFoundError:
        pass  # it ended meanwhile
    return [child for child in found if runs(child)]


def runs(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state[0] not in "ZX"
