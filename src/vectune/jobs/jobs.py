"""Jobs as clients see them: made, listed, stopped, gone on with, and what happened to them."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, update

from vectune.config.remote import REMOTE_PREFIX, is_remote
from vectune.errors import NotFound
from vectune.jobs.database import Database
from vectune.jobs.event_log import NewEvent, append
from vectune.jobs.files import FINE_TUNE, unexpired
from vectune.jobs.hyperparameters import for_base
from vectune.jobs.identifiers import new_id
from vectune.jobs.job import (
    CANCELLED,
    EDGES,
    JOB_KINDS,
    PAUSED,
    PAUSING,
    QUEUED,
    RUNNING,
    VALIDATING,
    Event,
    Job,
    JobCheckpoint,
    NewJob,
    checkpoint_from,
    event_from,
    job_from,
)
from vectune.jobs.models import ModelRegistry
from vectune.jobs.page import Page, page
from vectune.jobs.quotas import charge_job
from vectune.jobs.refusals import BadParameter, FileUnknown, Refused
from vectune.jobs.schema import checkpoints, events, files, jobs
from vectune.jobs.validated import hold_files, is_validated, queue_if_validated

__all__ = ["Event", "Job", "JobCheckpoint", "JobStore", "NewJob"]
_LOOKED_AT = 200
"""Jobs that are read at a time where few of them may be wanted."""


class JobStore:
    """The jobs of every project. Each change of status is written with the event that tells of it, or not at all."""

    def __init__(self, database: Database, models: ModelRegistry) -> None:
        self._database = database
        self._models = models

    def create(self, project: str, new: NewJob) -> Job:
        """Put a job into the queue; it is being validated until all its files were read through.

        Raises NotFound for a model or file that the project does not have, BadParameter for a file that was uploaded
        for something else, LimitReached when its key may have no more jobs now.
        """
        with self._database.session() as connection:
            base = self._models.base_of(connection, project, new.model)
            row = _values(project, new, base)
            for param, file in (("training_file", new.training_file), ("validation_file", new.validation_file)):
                _refuse_file(connection, project, param, file)
            now = self._database.now(connection)
            if new.key is not None:
                charge_job(connection, new.key, now)
            connection.execute(jobs.insert().values(row | {"created_at": int(now), "updated_at": int(now)}))
            name = str(row["id"])
            append(connection, name, NewEvent("created", f"Created fine-tuning job: {name}"), now)
            if self._models.is_alias(new.model):
                said = _what_is_tuned(new.model, base)
                append(connection, name, NewEvent("alias", said), now)
            queue_if_validated(connection, name, now)
            return job_from(_row(connection, project, name))

    def list(
        self,
        project: str,
        *,
        after: str | None = None,
        limit: int = 20,
        metadata: Mapping[str, str] | None = None,
        without_metadata: bool = False,
        kind: str | None = None,
    ) -> Page[Job]:
        """The project's jobs, newest first, after the one of id `after`.

        `metadata` keeps those that have all of its values, `without_metadata` those that have none at all. NotFound
        when `after` is no job of the project.
        """
        wanted = select(jobs).where(jobs.c.project == project)
        if kind is not None:
            wanted = wanted.where(jobs.c.kind == kind)
        with self._database.session(write=False) as connection:
            if after is not None:
                wanted = wanted.where(jobs.c.number < _row(connection, project, after).number)
            found: builtins.list[Job] = []
            for row in _newest_first(connection, wanted, _LOOKED_AT if metadata or without_metadata else limit + 1):
                if _has_metadata(row.metadata, metadata, without_metadata):
                    found.append(job_from(row))
                if len(found) > limit:
                    break
        return page(found, limit)

    def counts(self) -> dict[str, int]:
        """How many jobs of all projects have each status; 0 where none has it."""
        wanted = select(jobs.c.status, func.count()).group_by(jobs.c.status)
        with self._database.session(write=False) as connection:
            found = {str(status): int(number) for status, number in connection.execute(wanted)}
        return {status: found.get(status, 0) for status in EDGES}

    def get(self, project: str, name: str) -> Job:
        """The job of id `name`; NotFound when the project has none."""
        with self._database.session(write=False) as connection:
            return job_from(_row(connection, project, name))

    def cancel(self, project: str, name: str) -> Job:
        """End the job where it is; its worker stops within seconds. Refused when it is over."""
        return self._turn(project, name, dict.fromkeys(EDGES, CANCELLED), "cancelled")

    def pause(self, project: str, name: str) -> Job:
        """Stop the job so that it can go on later; one that runs is `pausing` until its worker has kept a checkpoint.

        Refused when it is over, paused or pausing.
        """
        return self._turn(project, name, {VALIDATING: PAUSED, QUEUED: PAUSED, RUNNING: PAUSING}, "paused")

    def resume(self, project: str, name: str) -> Job:
        """Put a paused job back into the queue, or to where its files are validated while they were not; Refused when
        it is not paused."""
        with self._database.session() as connection:
            found = _row(connection, project, name)
            hold_files(connection, found)
            target = QUEUED if is_validated(connection, found) else VALIDATING
            self._turn_in(connection, project, name, {PAUSED: target}, "resumed")
            queue_if_validated(connection, name, self._database.now(connection))
            return job_from(_row(connection, project, name))

    def events(self, project: str, name: str, *, after: str | None = None, limit: int = 20) -> Page[Event]:
        """The job's events, newest first, after the one of id `after`; NotFound for a job or event there is not."""
        with self._database.session(write=False) as connection:
            _row(connection, project, name)
            wanted = select(events).where(events.c.job == name)
            if after is not None:
                known = connection.execute(wanted.where(events.c.id == after)).first()
                if known is None:
                    raise NotFound(f"The job has no event {after}.", "Leave `after` out to begin with the newest.")
                wanted = wanted.where(events.c.seq < known.seq)
            rows = connection.execute(wanted.order_by(events.c.seq.desc()).limit(limit + 1)).all()
        return page([event_from(row) for row in rows], limit)

    def events_since(self, project: str, name: str, seq: int) -> tuple[Event, ...]:
        """The job's events whose number is above `seq`, oldest first."""
        with self._database.session(write=False) as connection:
            _row(connection, project, name)
            wanted = select(events).where(events.c.job == name, events.c.seq > seq).order_by(events.c.seq)
            return tuple(event_from(row) for row in connection.execute(wanted))

    def checkpoints(self, project: str, name: str, *, after: str | None = None, limit: int = 10) -> Page[JobCheckpoint]:
        """The job's checkpoints, newest first, after the one of id `after`."""
        with self._database.session(write=False) as connection:
            _row(connection, project, name)
            wanted = select(checkpoints).where(checkpoints.c.job == name)
            if after is not None:
                known = connection.execute(wanted.where(checkpoints.c.id == after)).first()
                if known is None:
                    raise NotFound(f"The job has no checkpoint {after}.", "Leave `after` out to begin with the newest.")
                wanted = wanted.where(checkpoints.c.step_number < known.step_number)
            rows = connection.execute(wanted.order_by(checkpoints.c.step_number.desc()).limit(limit + 1)).all()
        return page([checkpoint_from(row) for row in rows], limit)

    def _turn(self, project: str, name: str, turns: Mapping[str, str], done: str) -> Job:
        with self._database.session() as connection:
            self._turn_in(connection, project, name, turns, done)
            return job_from(_row(connection, project, name))

    def _turn_in(self, connection: Connection, project: str, name: str, turns: Mapping[str, str], done: str) -> None:
        """Move the job along the edge that leaves its present status, with an event."""
        row = _row(connection, project, name, lock=True)
        target = turns.get(row.status)
        if target is None or target not in EDGES[row.status]:
            raise Refused(f"The job {name} is {row.status}: it can't be {done}.", "GET the job for its status.")
        now = self._database.now(connection)
        values: dict[str, Any] = {"status": target, "updated_at": int(now), "estimated_finish": None}
        if target == CANCELLED:
            values["finished_at"] = int(now)
        if target in (VALIDATING, QUEUED):
            values["crashes"] = 0
        connection.execute(update(jobs).where(jobs.c.id == name).values(values))
        append(connection, name, NewEvent(f"{target} {row.num_events}", _SAID[target]), now)


_SAID = {
    CANCELLED: "The job was cancelled.",
    PAUSING: "The job is asked to pause.",
    PAUSED: "The job is paused.",
    VALIDATING: "The job was resumed; its files are to be validated.",
    QUEUED: "The job was resumed and is queued.",
}


def _values(project: str, new: NewJob, base: str) -> dict[str, Any]:
    """A new job's row without the times."""
    return {
        "id": new_id(JOB_KINDS[new.kind]),
        "project": project,
        "kind": new.kind,
        "status": VALIDATING,
        "model": new.model,
        "base": base,
        "training_file": new.training_file,
        "validation_file": new.validation_file,
        "hyperparameters": for_base(base, new.hyperparameters, new.path),
        "suffix": new.suffix,
        "seed": new.seed,
        "metadata": None if new.metadata is None else dict(new.metadata),
        "result_files": [],
        "num_events": 0,
        "lease_until": 0.0,
        "crashes": 0,
        "key": new.key,
    }


def _row(connection: Connection, project: str, name: str, *, lock: bool = False) -> Row[Any]:
    wanted = select(jobs).where(jobs.c.id == name, jobs.c.project == project)
    row = connection.execute(wanted.with_for_update() if lock else wanted).first()
    if row is None:
        raise NotFound(f"There is no job {name}.", "GET /v1/fine_tuning/jobs lists those there are.")
    return row


def _refuse_file(connection: Connection, project: str, param: str, name: str | None) -> None:
    """The file is locked until the job is there: it can't be deleted in between."""
    if name is None:
        return
    wanted = select(files.c.purpose).where(files.c.id == name, files.c.project == project, unexpired())
    purpose = connection.execute(wanted.with_for_update(read=True)).scalar_one_or_none()
    if purpose is None:
        raise FileUnknown(f"There is no file {name}.", "GET /v1/files lists those there are.", param)
    if purpose != FINE_TUNE:
        raise BadParameter(f"The file {name} was uploaded for {purpose}.", "Upload it with purpose fine-tune.", param)


def _newest_first(connection: Connection, wanted: Select[Any], most: int) -> Iterator[Row[Any]]:
    """The jobs of `wanted`, newest first, `most` at a time: a driver fetches all of a result that nobody limits."""
    newest = wanted.order_by(jobs.c.number.desc()).limit(most)
    rows = connection.execute(newest).all()
    while rows:
        yield from rows
        rows = connection.execute(newest.where(jobs.c.number < rows[-1].number)).all() if len(rows) == most else []


def _has_metadata(found: Mapping[str, str] | None, wanted: Mapping[str, str] | None, none_at_all: bool) -> bool:
    if none_at_all:
        return not found
    return all((found or {}).get(key) == value for key, value in (wanted or {}).items())


def _what_is_tuned(alias: str, base: str) -> str:
    """What an alias means for a job, told in an event."""
    if is_remote(base):
        model = base.removeprefix(REMOTE_PREFIX)
        return (
            f"{alias} is {model} behind this server's upstream endpoint. Its weights are not here, so the method is "
            "adapter: its vectors are asked for, and a map of query vectors is trained on top of them."
        )
    shown = Path(base).name if Path(base).is_absolute() else base
    return f"{alias} stands for {shown} on this server: that is the model that is tuned."
