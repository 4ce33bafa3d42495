"""Jobs as workers see them: taken for a while, kept by signs of life, written to by their holder alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, or_, select, update

from vectune.jobs.database import Database
from vectune.jobs.event_log import NewEvent, append
from vectune.jobs.identifiers import derived_id
from vectune.jobs.job import (
    CANCELLED,
    EDGES,
    FAILED,
    PAUSED,
    PAUSING,
    QUEUED,
    RUNNING,
    SUCCEEDED,
    VALIDATING,
    Job,
    job_from,
)
from vectune.jobs.models import started_from
from vectune.jobs.refusals import LeaseLost
from vectune.jobs.schema import checkpoints, events, jobs, models
from vectune.jobs.validated import VALIDATED

PROGRESS = "progress "
"""How the key of an event begins that only says that work goes on: it does not show that a job gets further."""
_CRASH_SECONDS = 120.0
"""Time without news in which a worker can start, load a model and train to a checkpoint, with room to spare."""
_WAITING = (VALIDATING, QUEUED)
_ALIVE = (*_WAITING, RUNNING, PAUSING)
_SET_BACK_LEASES, _SET_BACK_SECONDS = 10, 200.0
"""A lease that ends this much later than now was given before the clock was set back."""
_CRASHED = {
    "code": "worker_died",
    "message": "The process that ran the job died again and again without getting any further, most likely because the "
    "machine ran out of memory. Use a smaller model or batch_size, or shorter texts.",
    "param": None,
}


@dataclass(frozen=True)
class NewCheckpoint:
    """A model from the middle of a job: `location` lies under the home folder, `model_name` is what it answers to.

    `dims` are the sizes of vectors that it was trained for.
    """

    step: int
    metrics: Mapping[str, Any]
    model_name: str
    location: str
    dims: tuple[int, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What a job that succeeded leaves: the tuned model's name and place, and what is told of it."""

    model_name: str
    location: str
    dims: tuple[int, ...]
    trained_tokens: int | None
    result_files: tuple[str, ...]
    events: tuple[NewEvent, ...]


class Leases:
    """One worker's hold on jobs. What it writes to a job that it holds no longer is refused with LeaseLost."""

    def __init__(
        self, database: Database, worker: str, seconds: float = 20.0, most_crashes: int = 5,
        crash_seconds: float = _CRASH_SECONDS,
    ) -> None:  # fmt: skip
        self.seconds = seconds
        self._database = database
        self._worker = worker
        self._most_crashes = most_crashes
        self._crash_seconds = crash_seconds

    def take(self) -> Job | None:
        """The job that waits longest, now held by this worker; None when none waits.

        Jobs whose holder gave no sign of life for its lease wait too. One that lost `most_crashes` holders in a row
        without getting any further has failed, unless something new was known of it `crash_seconds` ago or later.
        """
        while True:
            with self._database.session() as connection:
                now = self._database.now(connection)
                self._tidy(connection, now)
                row = self._take(connection, now)
                if row is None:
                    return None
                if not self._is_hopeless(connection, row, now):
                    return job_from(row)
                self._end(connection, row, FAILED, now, error=_CRASHED)
                append(connection, row.id, NewEvent("failed", _CRASHED["message"] or "", level="error"), now)

    def heartbeat(self, job: str) -> str:
        """Hold the job for another lease; the status that it is wanted in: running, pausing or cancelled.

        LeaseLost when another worker holds it, or it is over for another reason.
        """
        with self._database.session() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job).with_for_update()).first()
            if row is None:
                raise LeaseLost(f"The job {job} is gone.")
            if row.status == CANCELLED:
                return CANCELLED
            if row.worker != self._worker or row.status in (SUCCEEDED, FAILED, PAUSED):
                raise LeaseLost(f"The job {job} is not held by this worker any more.")
            until = self._database.now(connection) + self.seconds
            connection.execute(update(jobs).where(jobs.c.id == job).values(lease_until=until))
            return PAUSING if row.status == PAUSING else RUNNING

    def begin(self, job: str) -> None:
        """From validated to running, by way of the queue, with an event for each step not made yet."""
        with self._held(job) as (connection, row, now):
            if row.status == VALIDATING:
                self._set(connection, row, QUEUED, now)
                append(connection, job, VALIDATED, now)
            if row.status in _WAITING:
                connection.execute(update(jobs).where(jobs.c.id == job).values(status=RUNNING))
                if not append(connection, job, NewEvent("started", "Fine-tuning job started"), now):
                    append(connection, job, NewEvent(f"goes on {row.num_events}", "The job goes on."), now)

    def add_events(self, job: str, new: list[NewEvent]) -> int:
        """Write events that the job does not have yet, in their order; how many were written.

        They show that the job gets further, those of PROGRESS excepted: what it cost workers so far is forgotten.
        """
        with self._held(job) as (connection, _, now):
            written = [event for event in new if append(connection, job, event, now)]
            if any(not event.key.startswith(PROGRESS) for event in written):
                connection.execute(update(jobs).where(jobs.c.id == job).values(crashes=0))
            return len(written)

    def known_events(self, job: str) -> dict[str, Mapping[str, Any] | None]:
        """Key to data of every event that the job has, oldest first."""
        with self._database.session(write=False) as connection:
            wanted = select(events.c.key, events.c.data).where(events.c.job == job)
            found = connection.execute(wanted.order_by(events.c.seq))
            return {row.key: row.data for row in found}

    def estimate(self, job: str, finish: int | None) -> None:
        """Say when the job will be done, in seconds since 1970."""
        with self._held(job) as (connection, _, _):
            connection.execute(update(jobs).where(jobs.c.id == job).values(estimated_finish=finish))

    def add_checkpoint(self, job: str, new: NewCheckpoint, event: NewEvent) -> bool:
        """Register a checkpoint's model with its event, unless the job has one of this step; whether it was new."""
        with self._held(job) as (connection, row, now):
            known = select(checkpoints.c.id).where(checkpoints.c.job == job, checkpoints.c.step_number == new.step)
            if connection.execute(known).first() is not None:
                return False
            connection.execute(
                checkpoints.insert().values(
                    id=derived_id("ftckpt_", job, str(new.step)),
                    job=job,
                    created_at=int(now),
                    step_number=new.step,
                    metrics=dict(new.metrics),
                    model_name=new.model_name,
                )
            )
            self._add_model(connection, row, now, (new.model_name, new.location, new.step, new.dims))
            append(connection, job, event, now)
            return True

    def keep_checkpoints(self, job: str, most: int) -> frozenset[str]:
        """Forget all but the newest `most` checkpoints, and those that a job which is not over starts from; where the
        models of those that are left lie."""
        with self._held(job) as (connection, _, _):
            wanted = select(models.c.step, models.c.location).where(models.c.job == job, models.c.step.is_not(None))
            found = connection.execute(wanted.order_by(models.c.step.desc()).with_for_update()).all()
            old = [row for row in found[most:] if started_from(connection, [row.location]) is None]
            steps = [row.step for row in old]
            connection.execute(delete(models).where(models.c.job == job, models.c.step.in_(steps)))
            of_steps = and_(checkpoints.c.job == job, checkpoints.c.step_number.in_(steps))
            connection.execute(delete(checkpoints).where(of_steps))
            return frozenset(row.location for row in found if row not in old)

    def succeed(self, job: str, outcome: Outcome) -> None:
        """Register the tuned model and end the job well, all at once."""
        with self._held(job) as (connection, row, now):
            for event in outcome.events:
                append(connection, job, event, now)
            self._add_model(connection, row, now, (outcome.model_name, outcome.location, None, outcome.dims))
            self._end(
                connection, row, SUCCEEDED, now,
                fine_tuned_model=outcome.model_name,
                trained_tokens=outcome.trained_tokens,
                result_files=list(outcome.result_files),
            )  # fmt: skip

    def fail(self, job: str, error: Mapping[str, Any]) -> None:
        """End the job with `error`: its code, message and param."""
        with self._held(job) as (connection, row, now):
            append(connection, job, NewEvent("failed", str(error["message"]), level="error"), now)
            self._end(connection, row, FAILED, now, error=dict(error))

    def let_go(self, job: str) -> None:
        """Give the job back: paused where that was asked for, otherwise for another worker to go on with."""
        with self._database.session() as connection:
            wanted = select(jobs).where(jobs.c.id == job, jobs.c.worker == self._worker).with_for_update()
            row = connection.execute(wanted).first()
            if row is not None:
                now = self._database.now(connection)
                self._release(connection, row, now, crashes=max(row.crashes - 1, 0))

    def release_all(self) -> None:
        """Free every job that this worker holds: it is dead, as the one who started it knows."""
        with self._database.session() as connection:
            now = self._database.now(connection)
            held = jobs.c.worker == self._worker
            for row in connection.execute(select(jobs).where(held).with_for_update()).all():
                self._release(connection, row, now)

    def _take(self, connection: Connection, now: float) -> Row[Any] | None:
        """One statement finds and takes: two workers never get the same job."""
        free = and_(jobs.c.status.in_((*_WAITING, RUNNING)), self._lease_is_over(now))
        oldest = select(jobs.c.number).where(free).order_by(jobs.c.number).limit(1)
        chosen = oldest.with_for_update(skip_locked=True).scalar_subquery()
        taken = update(jobs).where(jobs.c.number == chosen)
        held = {"worker": self._worker, "lease_until": now + self.seconds, "crashes": jobs.c.crashes + 1}
        return connection.execute(taken.values(held).returning(*jobs.c)).first()

    def _is_hopeless(self, connection: Connection, row: Row[Any], now: float) -> bool:
        """Whether the job is what its workers died of. Several that are gone within a moment, as while a machine or its
        service is started anew again and again, had no time to get any further: they say nothing about the job."""
        if row.crashes <= self._most_crashes:
            return False
        news = and_(events.c.job == row.id, events.c.key.not_like(f"{PROGRESS}%"))
        latest = connection.execute(select(func.max(events.c.created_at)).where(news)).scalar_one()
        return bool(latest is None or now - latest >= self._crash_seconds)

    def _lease_is_over(self, now: float) -> ColumnElement[bool]:
        """Holders give signs of life all the time: a lease that ends very much later was given by another clock."""
        latest = now + max(_SET_BACK_LEASES * self.seconds, _SET_BACK_SECONDS)
        return or_(jobs.c.lease_until <= now, jobs.c.lease_until > latest)

    def _tidy(self, connection: Connection, now: float) -> None:
        """Jobs that were to pause when their worker died are paused: what they have is their last checkpoint."""
        left = select(jobs).where(jobs.c.status == PAUSING, self._lease_is_over(now))
        for row in connection.execute(left.with_for_update(skip_locked=True)).all():
            self._release(connection, row, now)

    def _release(self, connection: Connection, row: Row[Any], now: float, **values: Any) -> None:
        if row.status == PAUSING:
            values["status"] = PAUSED
            append(connection, row.id, NewEvent(f"{PAUSED} {row.num_events}", "The job is paused."), now)
        free = {"worker": None, "lease_until": 0.0, **values}
        connection.execute(update(jobs).where(jobs.c.id == row.id).values(free))

    @contextmanager
    def _held(self, job: str) -> Iterator[tuple[Connection, Row[Any], float]]:
        """A transaction on a job that this worker holds and that goes on, with its row locked."""
        with self._database.session() as connection:
            row = connection.execute(select(jobs).where(jobs.c.id == job).with_for_update()).first()
            if row is None or row.worker != self._worker or row.status not in _ALIVE:
                raise LeaseLost(f"The job {job} is not held by this worker any more.")
            yield connection, row, self._database.now(connection)

    def _set(self, connection: Connection, row: Row[Any], status: str, now: float, **values: Any) -> None:
        assert status in EDGES[row.status], (row.status, status)
        changed = {"status": status, "updated_at": int(now), **values}
        connection.execute(update(jobs).where(jobs.c.id == row.id).values(changed))

    def _end(self, connection: Connection, row: Row[Any], status: str, now: float, **values: Any) -> None:
        over = {"finished_at": int(now), "estimated_finish": None, "worker": None, "lease_until": 0.0}
        self._set(connection, row, status, now, **over, **values)

    def _add_model(
        self, connection: Connection, row: Row[Any], now: float, what: tuple[str, str, int | None, tuple[int, ...]]
    ) -> None:
        name, location, step, dims = what
        if connection.execute(select(models.c.id).where(models.c.id == name)).first() is None:
            connection.execute(
                models.insert().values(
                    id=name,
                    project=row.project,
                    job=row.id,
                    step=step,
                    base=row.model,
                    location=location,
                    created_at=int(now),
                    dims=list(dims),
                )
            )
