"""Jobs in processes of their own: killed, cancelled and paused at any moment."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.fakes.word_rows import code_pairs
from tests.functional.job_killing import event_faults, step_of
from tests.unit.jobs.conftest import PROJECT, Stores, stores
from vectune.config.jobs import DATABASE_VARIABLE, FILES_VARIABLE, JobsConfig
from vectune.jobs.job import OVER, Job
from vectune.jobs.schema import jobs
from vectune.jobs.worker import main
from vectune.store.run_folder import run_name

__all__ = ["stores"]
QUICK = JobsConfig(threads=1, nice=0, poll_seconds=0.1, lease_seconds=1, checkpoint_steps=5, general=False)
LONG = {"n_epochs": 40, "patience": 1000}
ADAPTER = {"method": "adapter", "n_epochs": 1000, "batch_size": 8, "patience": 100_000}


class Workers:
    """Workers one after another, each a process that was forked from one that has loaded torch: they start at once."""

    def __init__(self, home: Path, url: str) -> None:
        self._context = get_context("forkserver")
        self._context.set_forkserver_preload(["vectune.jobs.worker", "vectune.workflows.tune"])
        self._arguments = ["--home", str(home), "--config", QUICK.model_dump_json()]
        self._environ = {DATABASE_VARIABLE: url, FILES_VARIABLE: str(home / "files")}
        self.start()

    def start(self) -> None:
        """A worker begins."""
        self._process = self._context.Process(target=main, args=(self._arguments, self._environ))
        self._process.start()

    @property
    def pid(self) -> int:
        """The process of the worker."""
        return int(self._process.pid or 0)

    def kill(self) -> None:
        """End the worker at once, as the system does when memory runs out, and start another."""
        self._process.kill()
        self._process.join()
        self.start()

    def end(self) -> None:
        """Be rid of the worker, in whatever state it is."""
        self._process.kill()
        self._process.join()

    def stop(self) -> None:
        """Ask the worker to end, and wait until it has."""
        self._process.terminate()
        self._process.join(20)
        assert self._process.exitcode == 0


@pytest.fixture
def workers(stores: Stores) -> Iterator[Workers]:
    """A worker at work."""
    found = Workers(stores.home, stores.url)
    yield found
    found.stop()


def until(ask: Callable[[], object], seconds: float = 120) -> None:
    """Wait until the answer is yes."""
    end = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


def holder_of(stores: Stores, job: Job) -> str | None:
    """The worker that the job is leased to."""
    with stores.database.session(write=False) as connection:
        return connection.execute(select(jobs.c.worker).where(jobs.c.id == job.id)).scalar_one()


def stand_still(pid: int, stores: Stores) -> None:
    """Stop a process, but not while it writes to SQLite, which would keep all others from writing."""
    while True:
        os.kill(pid, signal.SIGSTOP)
        until(lambda: stands(pid))  # the signal is on its way when `kill` returns
        with closing(sqlite3.connect(stores.home / "vectune.db", timeout=0.2, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
                return
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)
                time.sleep(0.01)


def stands(pid: int) -> bool:
    """Whether every thread of a process is stopped."""
    lines = [(task / "stat").read_text(encoding="ascii") for task in Path(f"/proc/{pid}/task").iterdir()]
    return all(line.rpartition(")")[2].split()[0] == "T" for line in lines)


def newest_step(stores: Stores, job: Job) -> int:
    """The newest step of training that an event told of."""
    return max((step_of(event) for event in stores.jobs.events_since(PROJECT, job.id, 0)), default=-1)


def test_job_outlives_its_workers(stores: Stores, workers: Workers) -> None:
    """Workers killed at the start, in the middle and near the end: the job succeeds; nothing is missing or twice."""
    job = stores.job(code_pairs(120), **LONG)
    until(lambda: stores.jobs.get(PROJECT, job.id).status == "running")
    workers.kill()
    until(lambda: newest_step(stores, job) >= 20)
    workers.kill()
    until(lambda: newest_step(stores, job) >= 120)
    workers.kill()
    until(lambda: stores.jobs.get(PROJECT, job.id).status in OVER)

    done = stores.jobs.get(PROJECT, job.id)
    assert (done.status, done.error) == ("succeeded", None)
    assert event_faults(stores.jobs.events_since(PROJECT, job.id, 0)) == []
    assert_nothing_lost(stores, done)


@pytest.mark.parametrize("comes_back", [True, False])
def test_worker_that_was_stopped_for_a_while_is_fenced_off(stores: Stores, comes_back: bool) -> None:
    """A worker that stands still loses its lease. Whether it comes to itself again or never, what the next worker does
    is not disturbed: nothing is told twice, and no step is trained by both."""
    job = stores.job(code_pairs(120), **LONG)
    slow, heir = Workers(stores.home, stores.url), None
    try:
        until(lambda: newest_step(stores, job) >= 20)
        holder = holder_of(stores, job)
        stand_still(slow.pid, stores)
        heir = Workers(stores.home, stores.url)
        until(lambda: holder_of(stores, job) not in (holder, None))
        if comes_back:
            os.kill(slow.pid, signal.SIGCONT)
        until(lambda: stores.jobs.get(PROJECT, job.id).status in OVER)
    finally:
        slow.end()
        if heir is not None:
            heir.end()

    done = stores.jobs.get(PROJECT, job.id)
    assert (done.status, done.error) == ("succeeded", None)
    assert event_faults(stores.jobs.events_since(PROJECT, job.id, 0)) == []
    assert_nothing_lost(stores, done)


def test_cancel_stops_the_work_at_once(stores: Stores, workers: Workers) -> None:
    """A cancelled job is over at once; its worker is free within five seconds, and what the job left is removed."""
    job = stores.job(code_pairs(120), n_epochs=1000, patience=10_000)
    until(lambda: newest_step(stores, job) >= 1)
    folder = stores.home / "jobs" / job.id
    assert folder.is_dir()
    assert stores.jobs.cancel(PROJECT, job.id).status == "cancelled"
    until(lambda: not folder.exists(), seconds=5)
    assert stores.keys(job.id)[-1].startswith("cancelled")


@pytest.mark.parametrize("settings", [LONG, ADAPTER], ids=["full", "adapter"])
def test_pause_keeps_what_was_done(stores: Stores, workers: Workers, settings: dict[str, object]) -> None:
    """A job pauses within five seconds and, resumed, goes on from where it was to its end."""
    job = stores.job(code_pairs(120), **settings)
    until(lambda: newest_step(stores, job) >= 20)
    assert stores.jobs.pause(PROJECT, job.id).status == "pausing"
    until(lambda: stores.jobs.get(PROJECT, job.id).status == "paused", seconds=5)
    (checkpoint, *_) = sorted((stores.home / "jobs" / job.id).rglob("checkpoints/step-*"), reverse=True)
    assert int(run_name(checkpoint).removeprefix("step-")) >= 20
    stores.jobs.resume(PROJECT, job.id)
    until(lambda: stores.jobs.get(PROJECT, job.id).status in OVER)
    assert stores.jobs.get(PROJECT, job.id).status == "succeeded"
    assert event_faults(stores.jobs.events_since(PROJECT, job.id, 0)) == []


def assert_nothing_lost(stores: Stores, job: Job) -> None:
    """The tuned model and the results are there, and no file that nobody knows of."""
    metrics = b"".join(stores.files.chunks(PROJECT, job.result_files[0])).decode().splitlines()
    steps = [int(line.split(",")[0]) for line in metrics[1:]]
    assert steps == list(range(len(steps)))
    listed = {file.id for file in stores.files.list(PROJECT).data}
    assert listed == {job.training_file, *job.result_files}
    assert {path.stem for path in (stores.home / "files").rglob("*") if path.is_file()} == listed
    assert len(stores.jobs.checkpoints(PROJECT, job.id).data) == 3
    assert len(list((stores.home / "models").iterdir())) == 4
    model = stores.models.resolve(PROJECT, str(job.fine_tuned_model))
    assert Path(model, "model.safetensors").is_file()
    assert not [path for path in stores.home.rglob("*") if path.name.endswith(".partial")]
