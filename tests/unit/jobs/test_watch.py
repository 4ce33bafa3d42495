"""The thread beside a job."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.fakes.clock import Clock
from tests.unit.jobs.conftest import PROJECT, Stores
from vectune.config.jobs import JobsConfig
from vectune.errors import CapacityError
from vectune.jobs import watch as module
from vectune.jobs.estimate import EVERYDAY
from vectune.jobs.event_log import NewEvent
from vectune.jobs.job import CANCELLED
from vectune.jobs.leases import PROGRESS, Leases
from vectune.jobs.refusals import DatabaseAway
from vectune.jobs.run_events import RunEvents
from vectune.jobs.standing import Standing
from vectune.jobs.watch import ENDING, LOST, Watch
from vectune.monitor.metric_log import MetricLog

QUICK = JobsConfig(poll_seconds=0.02, stop_seconds=0.05, pause_seconds=0.05)


class Away(Leases):
    """A hold on jobs in a database that answers only while `answers`."""

    answers = False

    def heartbeat(self, job: str) -> str:
        self._ask()
        return super().heartbeat(job)

    def add_events(self, job: str, new: list[NewEvent]) -> int:
        self._ask()
        return super().add_events(job, new)

    def _ask(self) -> None:
        if not self.answers:
            raise DatabaseAway("The database is away.")


def watch(
    stores: Stores, leases: Leases, job: str, called: list[str], late: threading.Event | None = None,
    folders: tuple[Path, ...] = (), config: JobsConfig = QUICK,
) -> Watch:  # fmt: skip
    """A watch over the job that looks fifty times a second and has almost no patience."""

    def deadline(wanted: str) -> None:
        called.append(wanted)
        (late or threading.Event()).set()

    told = RunEvents(folders or (stores.home / "none",), "x", {})
    return Watch(job, leases, told, {"/srv/a": "a.jsonl"}, config, deadline)


class CancelledMeanwhile(Leases):
    """A hold on jobs that are cancelled after the sign of life, before what `ask` names is written."""

    ask = ""
    owner: Stores

    def add_events(self, job: str, new: list[NewEvent]) -> int:
        self._cancel("events", job)
        return super().add_events(job, new)

    def estimate(self, job: str, finish: int | None) -> None:
        self._cancel("estimate", job)
        super().estimate(job, finish)

    def _cancel(self, ask: str, job: str) -> None:
        if ask == self.ask:
            self.owner.jobs.cancel(PROJECT, job)


def at_work(stores: Stores) -> tuple[str, Leases]:
    job, leases = stores.job().id, stores.leases()
    leases.take()
    leases.begin(job)
    return job, leases


def test_notes_become_events_in_the_owners_words(stores: Stores) -> None:
    """A note is an event with the owner's names for files; the same note is told once."""
    job, leases = at_work(stores)
    found = watch(stores, leases, job, [])
    found.start()
    for _ in range(2):
        found.standing.note("read /srv/a twice")
    found.finish()
    said = [event.message for event in stores.jobs.events_since(PROJECT, job, 0)]
    assert said.count("Read a.jsonl twice.") == 1


@pytest.mark.parametrize("ask", ["cancel", "pause"])
def test_work_is_ended_when_it_does_not_stop(stores: Stores, ask: str) -> None:
    """The work hears that it must stop; when it goes on all the same, the deadline is called."""
    job, leases = at_work(stores)
    called: list[str] = []
    late = threading.Event()
    found = watch(stores, leases, job, called, late)
    found.start()
    assert not found.stop()
    wanted = getattr(stores.jobs, ask)(PROJECT, job).status
    assert late.wait(60)
    assert found.stop()
    assert called == [wanted]
    found.close()


def test_a_job_that_is_to_pause_may_finish_its_step(stores: Stores) -> None:
    """Pausing has more patience than cancelling, and the job stays held meanwhile; cancelled then, it ends at once."""
    job, leases = at_work(stores)
    called: list[str] = []
    late = threading.Event()
    patient = QUICK.model_copy(update={"pause_seconds": 600.0})
    found = watch(stores, leases, job, called, late, config=patient)
    found.start()
    stores.jobs.pause(PROJECT, job)
    end = time.monotonic() + 60
    while not found.stop():
        assert time.monotonic() < end
    assert not late.wait(0.3)
    assert leases.heartbeat(job) == "pausing"
    stores.jobs.cancel(PROJECT, job)
    assert late.wait(60)
    assert called == ["cancelled"]
    found.close()


def test_a_job_that_is_to_pause_goes_on_telling(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """Coming to the end of a step may take a minute: until then there are events, and signs that it is at work."""
    monkeypatch.setattr(module, "_SILENCE", 0.0)
    job, leases = at_work(stores)
    found = watch(stores, leases, job, [], config=QUICK.model_copy(update={"pause_seconds": 600.0}))
    found.start()
    stores.jobs.pause(PROJECT, job)
    end = time.monotonic() + 60
    while not found.stop():
        assert time.monotonic() < end
    before = len(stores.keys(job))
    found.standing.note("still at a step")
    told = {"note", PROGRESS.strip()}
    while not told <= {key.split(" ")[0] for key in stores.keys(job)[before:]}:
        assert time.monotonic() < end
    found.close()
    assert found.wanted == "pausing"


def test_no_ten_seconds_are_silent() -> None:
    """What a watch waits before it says that the job is at work, and the time until it looks, are less than ten
    seconds by default."""
    assert module._SILENCE + JobsConfig().poll_seconds < 10


def test_lost_lease_stops_the_work(stores: Stores) -> None:
    """When the job is another worker's, the work must stop."""
    job, leases = at_work(stores)
    stores.leases("worker").release_all()
    stores.leases("other").take()
    found = watch(stores, leases, job, [])
    found.start()
    assert found.stop()
    assert found.wanted == LOST
    found.close()


def test_whose_a_job_is_may_be_unknown(stores: Stores) -> None:
    """Whatever goes wrong while that is asked, the work is left and the thread beside it goes on."""

    class Confused(CancelledMeanwhile):
        ask = "events"
        owner = stores

        def heartbeat(self, job: str) -> str:
            if stores.jobs.get(PROJECT, job).status == CANCELLED:
                raise RuntimeError("no")
            return super().heartbeat(job)

    job, _ = at_work(stores)
    found = watch(stores, Confused(stores.database, "worker"), job, [])
    found.standing.note("something new")
    found.start()
    assert found.stop()
    assert found.wanted == LOST
    found.close()


def test_job_that_took_too_much_and_was_cancelled_is_cancelled(stores: Stores) -> None:
    """What a cancelled job left is removed, though it was over a limit as well."""

    class Late(Leases):
        def fail(self, job: str, error: Mapping[str, object]) -> None:
            stores.jobs.cancel(PROJECT, job)
            super().fail(job, error)

    job, _ = at_work(stores)
    called: list[str] = []
    late = threading.Event()
    found = watch(stores, Late(stores.database, "worker"), job, called, late)
    found.limits = lambda: CapacityError("The job took too long.")
    found.start()
    assert late.wait(60)
    found.close()
    assert called == [CANCELLED]


@pytest.mark.parametrize("ask", ["events", "estimate"])
def test_cancel_between_a_sign_of_life_and_its_events(stores: Stores, ask: str) -> None:
    """The job is cancelled, not another worker's: what it leaves is removed by the worker that hears so."""
    job, _ = at_work(stores)
    leases = CancelledMeanwhile(stores.database, "worker")
    leases.ask, leases.owner = ask, stores
    found = watch(stores, leases, job, [])
    found.standing.note("something new")
    found.start()
    assert found.stop()
    assert found.wanted == CANCELLED
    found.close()


def test_end_of_the_worker_stops_the_work(stores: Stores) -> None:
    """A worker that is to end stops its job, which is not over."""
    job, leases = at_work(stores)
    found = watch(stores, leases, job, [])
    found.ending = lambda: True
    found.start()
    assert found.stop()
    assert found.wanted == ENDING
    found.close()


def test_without_a_sign_of_life_for_a_lease_the_job_is_lost(stores: Stores) -> None:
    """A worker that can't reach the database for as long as its lease must expect that another has its job."""
    job, _ = at_work(stores)
    found = watch(stores, Away(stores.database, "worker", seconds=0.05), job, [])
    found.start()
    end = time.monotonic() + 60
    while not found.stop():
        assert time.monotonic() < end
    assert found.wanted == LOST
    found.close()


def test_what_could_not_be_written_is_written_later(stores: Stores, tmp_path: Path) -> None:
    """Lines of the log are read once; their events wait until the database answers again."""
    job, _ = at_work(stores)
    with MetricLog(tmp_path / "metrics.jsonl") as log:
        log.write("dev", step=7, measure="ndcg@10", epoch=0.7, score=0.5, best=True)
    leases = Away(stores.database, "worker")
    found = watch(stores, leases, job, [], folders=(tmp_path,))
    found.standing.stage("train", 10)
    leases.answers = True
    leases.heartbeat(job)
    leases.answers = False
    with pytest.raises(DatabaseAway):
        found.finish()
    leases.answers = True
    found.finish()
    assert "evaluation 7" in stores.keys(job)


def test_silence_is_broken(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing happens for a while the job says that it is at work, which does not count as getting further."""
    job, leases = at_work(stores)
    monkeypatch.setattr(module, "_SILENCE", 0.0)
    with stores.database.session() as connection:
        connection.exec_driver_sql("UPDATE jobs SET crashes = 3")
    found = watch(stores, leases, job, [])
    found.standing.stage("judge base", 1000)
    found.standing.advance(250)
    found.finish()
    assert stores.jobs.events(PROJECT, job).data[0].message == "At work: judge base: 250 of 1,000"
    with stores.database.session(write=False) as connection:
        assert connection.exec_driver_sql("SELECT crashes FROM jobs").scalar_one() == 3


def test_estimate_that_has_passed_is_taken_back(stores: Stores) -> None:
    """What a worker before this one told is no longer told, once it has passed and nothing better is known."""
    job, leases = at_work(stores)
    leases.estimate(job, 123)
    found = watch(stores, leases, job, [])
    found.start()
    assert stores.jobs.get(PROJECT, job).estimated_finish is None
    found.close()


def test_estimate_is_of_what_this_service_does(stores: Stores, tmp_path: Path) -> None:
    """Everyday texts, a second each, and the export are counted only where a job has them."""
    told = []
    clock = Clock()
    for config in (QUICK, QUICK.model_copy(update={"general": False, "backend": "openvino"})):
        job, leases = at_work(stores)
        found = watch(stores, leases, job, [], folders=(tmp_path,), config=config)
        found.standing = Standing(clock)
        found.standing.stage("judge tuned", 100)
        for _ in range(2):
            clock.now += 1
            found.standing.advance(1)
        found.start()
        found.close()
        finish = stores.jobs.get(PROJECT, job).estimated_finish
        assert finish is not None
        told.append(finish - time.time())
    assert told[0] - told[1] == pytest.approx(2 * EVERYDAY - 2, abs=2)


def test_run_that_was_done_is_told_to_its_end(stores: Stores, tmp_path: Path) -> None:
    """A worker that died between the run and the end of its job may have left steps that no event tells."""
    job, leases = at_work(stores)
    (tmp_path / "run").mkdir()
    with MetricLog(tmp_path / "run" / "metrics.jsonl") as log:
        log.write("train", step=20, epoch=1.0, loss=0.5)
        log.write("dev", step=20, measure="ndcg@10", epoch=1.0, score=0.5, best=True)
    found = watch(stores, leases, job, [], folders=(tmp_path / ".run.partial", tmp_path / "run"))
    found.start()
    found.run_is_there(20)
    found.finish()
    assert {"step 20", "evaluation 20"} <= set(stores.keys(job))
