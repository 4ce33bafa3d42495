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
QUICK = ("--set", "jobs.general=false", "--set", "jobs.poll_seconds=0.1", "--set", "jobs.threads=1")


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


@contextmanager
def serving(folder: Path, model: Path, *arguments: str) -> Iterator[Service]:
    """A server of its own home under `folder`, whose every base is `model`; ended with the block."""
    log = folder / "serve.log"
    command = [str(COMMAND), "serve", "--port", "0", "--home", str(folder / "home"), "--default-model", str(model)]
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [*command, "--backend", "torch", *QUICK, *arguments],
            stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith("vectune serves http"), log.read_text(encoding="utf-8")
        yield Service(process, line.split()[2], log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()
