"""Jobs as workers see them: one holder at a time, and no word from one who holds no more."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import update

from tests.unit.jobs.conftest import PROJECT, Stores
from vectune.jobs.event_log import NewEvent
from vectune.jobs.leases import PROGRESS, Leases, NewCheckpoint, Outcome
from vectune.jobs.refusals import LeaseLost
from vectune.jobs.schema import events

OUTCOME = Outcome("ft:x", "models/x", (32,), 7, ("file-1",), (NewEvent("verdict", "Verdict: ship."),))


def test_oldest_job_is_taken_once(stores: Stores) -> None:
    """Jobs are taken in the order they were made, each by one worker."""
    first, second = stores.job().id, stores.job().id
    taken = [stores.leases(name).take() for name in ("a", "b", "c")]
    assert [job.id if job else None for job in taken] == [first, second, None]


def test_many_workers_never_share_a_job(stores: Stores) -> None:
    """Workers that ask at the same time get each job once."""
    made = {stores.job().id for _ in range(6)}
    found: list[str] = []

    def ask(name: str) -> None:
        while (job := stores.leases(name).take()) is not None:
            found.append(job.id)

    threads = [threading.Thread(target=ask, args=(f"w{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == sorted(made)


def test_job_of_a_dead_worker_goes_to_another(stores: Stores) -> None:
    """A job whose lease is over is taken by the next worker, and what the first still says is refused."""
    job = stores.job().id
    dead = stores.leases("dead", seconds=0)
    dead.take()
    dead.begin(job)
    heir = stores.leases("heir")
    assert getattr(heir.take(), "id", None) == job
    for say in (
        lambda: dead.heartbeat(job),
        lambda: dead.add_events(job, [NewEvent("late", "late")]),
        lambda: dead.succeed(job, OUTCOME),
        lambda: dead.fail(job, {"code": "x", "message": "y", "param": None}),
    ):
        with pytest.raises(LeaseLost):
            say()
    assert "late" not in stores.keys(job)
    assert heir.heartbeat(job) == "running"


def test_sign_of_life_tells_what_is_wanted(stores: Stores) -> None:
    """The holder of a job hears that it was cancelled, or is to pause."""
    leases = stores.leases()
    for ask, wanted in ((stores.jobs.pause, "pausing"), (stores.jobs.cancel, "cancelled")):
        job = stores.job().id
        leases.take()
        leases.begin(job)
        assert leases.heartbeat(job) == "running"
        ask(PROJECT, job)
        assert leases.heartbeat(job) == wanted
        leases.let_go(job)


def test_begin_passes_the_queue_and_is_done_once(stores: Stores) -> None:
    """A job goes by way of the queue to running; a second worker's beginning adds no event."""
    job = stores.job().id
    stores.leases("a", seconds=0).take()
    stores.leases("a").begin(job)
    heir = stores.leases("b")
    heir.take()
    heir.begin(job)
    assert stores.jobs.get(PROJECT, job).status == "running"
    assert stores.keys(job)[2:] == ["validated", "started"]


def test_success_is_all_at_once(stores: Stores) -> None:
    """The job's end, its model, its results and its events are there together."""
    job = stores.job().id
    leases = stores.leases()
    leases.take()
    leases.begin(job)
    leases.succeed(job, OUTCOME)
    done = stores.jobs.get(PROJECT, job)
    assert (done.status, done.fine_tuned_model, done.trained_tokens) == ("succeeded", "ft:x", 7)
    assert done.result_files == ("file-1",)
    assert stores.keys(job)[-1] == "verdict"
    assert stores.models.resolve(PROJECT, job) == stores.home / "models/x"


def test_failure_keeps_the_reason(stores: Stores) -> None:
    """A failed job has the error, and an event that says it."""
    job = stores.job().id
    leases = stores.leases()
    leases.take()
    leases.fail(job, {"code": "invalid_training_file", "message": "Bad rows.", "param": "training_file"})
    failed = stores.jobs.get(PROJECT, job)
    assert (failed.status, dict(failed.error or {})["code"]) == ("failed", "invalid_training_file")
    assert stores.jobs.events(PROJECT, job).data[0].level == "error"
    assert leases.take() is None


def _leases(stores: Stores, worker: str, most_crashes: int) -> Leases:
    """A hold that is over at once, and for which the last news of a job are never too recent."""
    return Leases(stores.database, worker, 0, most_crashes, crash_seconds=0)


def test_job_that_kills_its_workers_fails(stores: Stores) -> None:
    """A job over which workers die again and again, without any news of it, has failed and says why."""
    job = stores.job().id
    for number in range(3):
        taken = _leases(stores, f"w{number}", 3).take()
        assert taken is not None
    assert _leases(stores, "last", 3).take() is None
    assert dict(stores.jobs.get(PROJECT, job).error or {})["code"] == "worker_died"


def test_workers_that_die_within_a_moment_are_not_held_against_the_job(stores: Stores) -> None:
    """A service that is killed at each of its starts is not the job's fault; a job that gets no further for minutes and
    through as many workers is what they die of. That they were at work is no news."""
    job = stores.job().id
    for number in range(20):
        leases = Leases(stores.database, f"w{number}", 0)
        assert leases.take() is not None
        leases.add_events(job, [NewEvent(f"{PROGRESS}{number}", "At work: load model")])
    with stores.database.session() as connection:
        older = update(events).where(events.c.key.not_like(f"{PROGRESS}%"))
        connection.execute(older.values(created_at=events.c.created_at - 180))
    assert Leases(stores.database, "last", 0).take() is None
    assert dict(stores.jobs.get(PROJECT, job).error or {})["code"] == "worker_died"


def test_news_make_up_for_a_crash(stores: Stores) -> None:
    """Workers may die over a job as often as it takes, as long as each gets further."""
    job = stores.job().id
    for number in range(6):
        leases = _leases(stores, f"w{number}", 2)
        assert leases.take() is not None
        leases.add_events(job, [NewEvent(f"step {number}", "further")])


def test_freed_jobs_need_not_wait(stores: Stores) -> None:
    """Jobs of a worker that is known to be dead are free at once; one that was to pause is paused."""
    running, pausing = stores.job().id, stores.job().id
    dead = stores.leases("dead")
    for job in (running, pausing):
        dead.take()
        dead.begin(job)
    stores.jobs.pause(PROJECT, pausing)
    dead.release_all()
    assert stores.jobs.get(PROJECT, pausing).status == "paused"
    assert getattr(stores.leases("heir").take(), "id", None) == running


def test_pausing_job_of_a_dead_worker_is_paused(stores: Stores) -> None:
    """A job whose worker died while it was to pause becomes paused when the next worker looks."""
    job = stores.job().id
    dead = stores.leases("dead", seconds=0)
    dead.take()
    dead.begin(job)
    stores.jobs.pause(PROJECT, job)
    assert stores.leases("heir").take() is None
    assert stores.jobs.get(PROJECT, job).status == "paused"


def test_estimate_is_kept_until_the_end(stores: Stores) -> None:
    """The time that a job will take is told while it runs, and no longer."""
    job = stores.job().id
    leases = stores.leases()
    leases.take()
    leases.begin(job)
    leases.estimate(job, 123)
    assert stores.jobs.get(PROJECT, job).estimated_finish == 123
    leases.succeed(job, OUTCOME)
    assert stores.jobs.get(PROJECT, job).estimated_finish is None


def test_checkpoints_are_models_registered_once(stores: Stores) -> None:
    """A checkpoint is listed, answers to its name, and a second one of its step changes nothing."""
    job = stores.job().id
    leases = stores.leases()
    leases.take()
    leases.begin(job)
    for step in (5, 10, 10):
        new = NewCheckpoint(step, {"step": step}, f"ft:x:ckpt-step-{step}", f"models/x-{step}")
        leases.add_checkpoint(job, new, NewEvent(f"checkpoint {step}", "kept"))
    found = stores.jobs.checkpoints(PROJECT, job, limit=1)
    assert [point.step_number for point in found.data] == [10]
    assert found.has_more
    rest = stores.jobs.checkpoints(PROJECT, job, after=found.data[0].id)
    assert [point.step_number for point in rest.data] == [5]
    for name in ("ft:x:ckpt-step-5", f"{job}:ckpt-step-5"):
        assert stores.models.resolve(PROJECT, name) == stores.home / "models/x-5"


def test_signs_of_progress_do_not_make_up_for_a_crash(stores: Stores) -> None:
    """That work went on for a while is no news: a job that kills each worker after a minute fails too."""
    job = stores.job().id
    for number in range(2):
        leases = _leases(stores, f"w{number}", 2)
        assert leases.take() is not None
        leases.add_events(job, [NewEvent(f"{PROGRESS}{number}", "At work: load model")])
    assert _leases(stores, "last", 2).take() is None
    assert stores.jobs.get(PROJECT, job).status == "failed"


@pytest.mark.parametrize(("jump", "taken"), [(-86400, True), (3600, True), (-5, False)])
def test_clock_that_was_set_keeps_no_job_waiting(stores: Stores, jump: int, taken: bool) -> None:
    """A dead worker's job is taken soon though the clock was set back by a day, or forward; a step of seconds (as
    clocks are corrected all the time) takes no job away from its worker."""
    job = stores.job().id
    stores.leases("dead").take()
    with stores.database.session() as connection:
        connection.exec_driver_sql(f"UPDATE jobs SET lease_until = lease_until - {jump} WHERE id = '{job}'")
    assert (stores.leases("heir").take() is not None) == taken
