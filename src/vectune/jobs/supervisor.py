"""Starts workers as processes of their own, starts those anew that end, and stops them."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from vectune.config.jobs import DATABASE_VARIABLE, FILES_VARIABLE, JobsConfig
from vectune.config.log import LogConfig
from vectune.errors import StorageError
from vectune.jobs.database import Database
from vectune.jobs.leases import Leases
from vectune.jobs.priority import thread_variables
from vectune.jobs.worker import default_threads, worker_name

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.5
_SHORT_LIFE = 5.0
_LONGEST_WAIT = 30.0


@dataclass
class _Slot:
    """A place for one worker: the process in it, and how often one died soon after its start."""

    name: str = ""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    not_before: float = 0.0
    short_lives: int = field(default=0)


class Supervisor:
    """`workers` processes on the jobs of `database`, from `start` to `stop`.

    A worker that ends is started anew under another name, after its job was freed, so that the job need not wait for
    the end of its lease. Workers that die at once are started ever later. They end when this process is gone.
    """

    def __init__(
        self, home: Path, database: str, files: str, workers: int = 1, config: JobsConfig | None = None,
        log: LogConfig | None = None,
    ) -> None:  # fmt: skip
        self._home = Path(home)
        self._url = database
        self._files = files
        self._config = config or JobsConfig()
        self._log = log or LogConfig()
        self._slots = [_Slot() for _ in range(workers)]
        self._database: Database | None = None
        self._stopping = threading.Event()
        self._count = 0
        self._thread = threading.Thread(target=self._look_after, name="supervisor", daemon=True)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run now."""
        return tuple(slot.process.pid for slot in self._slots if slot.process and slot.process.poll() is None)

    def start(self) -> None:
        """Start the workers and look after them in a thread."""
        self._database = Database(self._url)
        for slot in self._slots:
            self._spawn(slot)
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Ask the workers to end, end those that do not within `seconds`, and free their jobs."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            process.terminate()
        until = time.monotonic() + seconds
        for process in running:
            try:
                process.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for slot in self._slots:
            self._free(slot)
        if self._database is not None:
            self._database.close()

    def _look_after(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            for slot in self._slots:
                try:
                    self._look_at(slot)
                except Exception:
                    _log.exception("a worker could not be looked after; it is tried again")

    def _look_at(self, slot: _Slot) -> None:
        if slot.process is not None and slot.process.poll() is not None:
            self._bury(slot)
        if slot.process is None and time.monotonic() >= slot.not_before:
            self._spawn(slot)

    def _bury(self, slot: _Slot) -> None:
        assert slot.process is not None
        _log.warning("the worker %s ended with status %s; another is started", slot.name, slot.process.returncode)
        lived = time.monotonic() - slot.started
        slot.short_lives = slot.short_lives + 1 if lived < _SHORT_LIFE else 0
        wait = min(2.0 ** (slot.short_lives - 2), _LONGEST_WAIT) if slot.short_lives > 1 else 0.0
        slot.process, slot.not_before = None, time.monotonic() + wait
        self._free(slot)

    def _free(self, slot: _Slot) -> None:
        if self._database is None or not slot.name:
            return
        try:
            Leases(self._database, slot.name).release_all()
        except StorageError:
            _log.exception("the jobs of %s could not be freed; their lease will end", slot.name)

    def _spawn(self, slot: _Slot) -> None:
        self._count += 1
        slot.name = f"{worker_name()}-{self._count}"
        command = [
            sys.executable, "-m", "vectune.jobs.worker", "--home", str(self._home), "--name", slot.name,
            "--config", self._config.model_dump_json(), "--parent", str(os.getpid()),
            "--log", self._log.model_dump_json(),
        ]  # fmt: skip
        urls = {
            DATABASE_VARIABLE: self._url,
            FILES_VARIABLE: self._files,
        }  # not for everybody to read, as arguments are
        threads = thread_variables(self._config.threads or default_threads())
        slot.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=os.environ | threads | urls)
        slot.started = time.monotonic()
