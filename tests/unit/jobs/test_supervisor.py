"""Workers that are kept alive, and end with the one who started them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tests.unit.jobs.conftest import PROJECT, Stores
from vectune.config.jobs import JobsConfig
from vectune.jobs.supervisor import Supervisor, _Slot


def until(ask: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not ask():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def test_dead_worker_is_replaced_and_all_end_on_stop(stores: Stores) -> None:
    """A worker that was killed is started anew, and takes the job; after `stop` none is left, and the job is free."""
    supervisor = Supervisor(stores.home, stores.url, str(stores.home / "files"), 1, JobsConfig(poll_seconds=0.1))
    supervisor.start()
    try:
        (first,) = supervisor.pids
        os.kill(first, signal.SIGKILL)
        until(lambda: supervisor.pids and supervisor.pids != (first,))
        job = stores.job().id
        until(lambda: "validating training" in stores.keys(job))
    finally:
        supervisor.stop()
    assert supervisor.pids == ()
    assert stores.jobs.get(PROJECT, job).status in ("validating_files", "queued", "running")
    assert stores.leases("heir").take() is not None


def test_urls_are_not_for_everybody(stores: Stores) -> None:
    """A database's URL may hold a password: it reaches the worker by its environment, which its owner alone can read,
    and not among its arguments."""
    supervisor = Supervisor(stores.home, stores.url, "memory://secret", 1, JobsConfig(poll_seconds=0.1))
    supervisor.start()
    try:
        process = Path(f"/proc/{supervisor.pids[0]}")
        until(lambda: all((process / name).read_bytes() for name in ("cmdline", "environ")))  # there a moment after
        arguments, environment = ((process / name).read_bytes() for name in ("cmdline", "environ"))
    finally:
        supervisor.stop()
    assert b"vectune.jobs.worker" in arguments
    for url in (stores.url, "memory://secret"):
        assert url.encode() not in arguments
        assert url.encode() in environment


def test_worker_reads_no_more_rows_than_a_job_may_have(stores: Stores) -> None:
    """A file that nobody has read through is refused while it is read, not after."""
    supervisor = Supervisor(
        stores.home, stores.url, str(stores.home / "files"), 1, JobsConfig(poll_seconds=0.1, most_rows=5)
    )
    job = stores.job()
    supervisor.start()
    try:
        until(lambda: stores.jobs.get(PROJECT, job.id).status == "failed")
    finally:
        supervisor.stop()
    file = stores.files.get(PROJECT, job.training_file)
    assert file.status == "error"
    assert "The file has more than 5 rows" in str(file.status_details)
    assert str(file.status_details) in str(dict(stores.jobs.get(PROJECT, job.id).error or {})["message"])


class Stumbling(Supervisor):
    """Can't start a process the second time, as when memory is short."""

    starts = 0

    def _spawn(self, slot: _Slot) -> None:
        self.starts += 1
        if self.starts == 2:
            raise OSError(12, "Cannot allocate memory")
        super()._spawn(slot)


def test_start_that_fails_is_tried_again(stores: Stores) -> None:
    """One process that can't be started does not end the looking after."""
    supervisor = Stumbling(stores.home, stores.url, str(stores.home / "files"), 1, JobsConfig(poll_seconds=0.1))
    supervisor.start()
    try:
        (first,) = supervisor.pids
        os.kill(first, signal.SIGKILL)
        until(lambda: supervisor.pids and supervisor.pids != (first,))
        assert supervisor.starts == 3
    finally:
        supervisor.stop()
