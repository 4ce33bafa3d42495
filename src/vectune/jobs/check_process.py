"""Files read through by a process of its own, so that a large one takes neither the server's memory nor its time."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

import orjson

from vectune.config.jobs import JobsConfig
from vectune.errors import Interrupted, StorageError
from vectune.jobs.file_check import NO_MEMORY, FileCheck, fault
from vectune.jobs.limits import resident_bytes
from vectune.jobs.priority import thread_variables
from vectune.monitor.progress import Progress

_log = logging.getLogger(__name__)
_GIB = 1 << 30
_SMALL_BYTES = 2 << 20
"""Files up to here are read in the server itself, which takes less than the start of a process."""
_LOOK_SECONDS = 0.1
_BLOCK = 1 << 16
_ASKED_TO_END = (-signal.SIGTERM, -signal.SIGINT)


class CheckApart:
    """A FileCheck that starts a process for each file. It has the priority of a worker, may hold as much memory and
    take as many minutes as a job, and ends with this process.

    `memory` tells the bytes that a process holds, `clock` counts seconds.
    """

    def __init__(
        self,
        config: JobsConfig,
        memory: Callable[[int], int] = resident_bytes,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._memory = memory
        self._clock = clock

    def __call__(self, path: Path, name: str, progress: Progress) -> str | None:
        """Why the file can't be used, or None. A process that is killed, for its memory most likely, is a reason.

        Raises Interrupted when `progress` ends the work or the process is asked to end, StorageError when it fails.
        """
        progress.advance(0)
        asked = {"path": str(path), "name": name, "config": self._config.model_dump(mode="json")}
        command = [sys.executable, "-m", "vectune.jobs.file_check"]
        with subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | thread_variables(1)
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            said: list[bytes] = []
            # A pipe holds 64 KiB: a process with more to say ends only once somebody has read it.
            hearing = threading.Thread(target=partial(_hear, process.stdout, said), daemon=True)
            hearing.start()
            try:
                with suppress(BrokenPipeError):
                    process.stdin.write(orjson.dumps(asked) + b"\n")
                over = self._over_while_running(process, progress)
                if over is not None:
                    return over
                hearing.join()
                return _answer(process.returncode, b"".join(said))
            finally:
                process.kill()
                hearing.join()

    def _over_while_running(self, process: subprocess.Popen[bytes], progress: Progress) -> str | None:
        """What the process took too much of before it ended; None once it has ended by itself."""
        began = self._clock()
        while process.poll() is None:
            progress.advance(0)
            over = self._over(process.pid, self._clock() - began)
            if over is not None:
                return over
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_SECONDS)
        return None

    def _over(self, pid: int, seconds: float) -> str | None:
        gib, minutes = self._config.most_memory_gib, self._config.most_minutes
        if gib is not None and self._memory(pid) > gib * _GIB:
            took = f"{gib:g} GiB of memory"
        elif minutes is not None and seconds > minutes * 60:
            took = f"{minutes:g} minutes"
        else:
            return None
        told = "which is all that a job may take here. Give fewer or shorter rows, one a line."
        return f"Reading the file took more than {took}, {told}"


class CheckBySize:
    """A FileCheck that leaves files of more than `small_bytes` to `apart` and the others to `here`."""

    def __init__(self, here: FileCheck, apart: FileCheck, small_bytes: int = _SMALL_BYTES) -> None:
        self._here = here
        self._apart = apart
        self._small_bytes = small_bytes

    def __call__(self, path: Path, name: str, progress: Progress) -> str | None:
        """Why the file can't be used, or None."""
        check = self._here if path.stat().st_size <= self._small_bytes else self._apart
        return check(path, name, progress)


def _hear(stream: IO[bytes], said: list[bytes]) -> None:
    while block := stream.read(_BLOCK):
        said.append(block)


def server_check(config: JobsConfig) -> FileCheck:
    """How a server reads files through, whose jobs may take what `config` says."""
    return CheckBySize(partial(fault, config), CheckApart(config))


def _answer(status: int, said: bytes) -> str | None:
    """What a process that ended with `status` found out, told in what it `said`."""
    if status in _ASKED_TO_END:
        raise Interrupted("The process that read the file was asked to end.")
    if status < 0:
        _log.warning("a process that read a file through was ended by signal %d; the file can't be used", -status)
        return NO_MEMORY
    if status > 0:
        told = f"The file could not be read through: the process that read it ended with status {status}."
        raise StorageError(told, "What it said last is in the server's log.")
    reason = orjson.loads(said)["reason"]
    return None if reason is None else str(reason)
