"""Ways to run the command: here in this process, which is quick, or as people do, in a process of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vectune.cli.main import main

COMMAND = Path(sys.executable).with_name("vectune")


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit status and what it wrote."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """All of standard output as one JSON value."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The sentence after `error: `."""
        return next(line for line in self.err.splitlines() if line.startswith("error: ")).removeprefix("error: ")

    @property
    def hint(self) -> str:
        """The sentence after `hint: `."""
        return next(line for line in self.err.splitlines() if line.startswith("hint: ")).removeprefix("hint: ")


def run_here(*arguments: object) -> Outcome:
    """Run the command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    return Outcome(status, out.getvalue(), err.getvalue())


def start(
    *arguments: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    preexec_fn: Callable[[], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start the installed command in a process of its own."""
    return subprocess.Popen(
        [str(COMMAND), *map(str, arguments)],
        cwd=cwd, env={**os.environ, **(env or {})}, preexec_fn=preexec_fn,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen[bytes], stdin: bytes | None = None) -> Outcome:
    """Wait for a started command."""
    out, err = process.communicate(stdin, timeout=300)
    return Outcome(process.returncode, out.decode(), err.decode())
