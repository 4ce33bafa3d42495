"""From `validating_files` to `queued`: a job waits in the queue as soon as its files have been read through, whoever
read them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, func, or_, select, update

from vectune.jobs.event_log import NewEvent, append
from vectune.jobs.job import QUEUED, VALIDATING
from vectune.jobs.schema import events, files, jobs

PROCESSED = "processed"
"""Status of a file that was read through and can be used."""
VALIDATED = NewEvent("validated", "Files validated, moving job to queued state")


def validating(what: str, file: str) -> NewEvent:
    """The event that the training or validation file is read through."""
    return NewEvent(f"validating {what}", f"Validating {what} file: {file}")


def queue_if_validated(connection: Connection, job: str, now: float) -> None:
    """Put `job` into the queue if it is being validated and all its files can be used.

    Its row is locked first: where two files are read through at the same time, the second to be done sees both.
    """
    wanted = select(jobs).where(jobs.c.id == job, jobs.c.status == VALIDATING)
    row = connection.execute(wanted.with_for_update()).first()
    if row is None or not _all_processed(connection, row):
        return
    for what, file in (("training", row.training_file), ("validation", row.validation_file)):
        if file is not None:
            append(connection, job, validating(what, file), now)
    append(connection, job, VALIDATED, now)
    connection.execute(update(jobs).where(jobs.c.id == job).values(status=QUEUED, updated_at=int(now)))


def is_validated(connection: Connection, job: Row[Any]) -> bool:
    """Whether the files of `job` were read through before, by the server or by a worker that began with it."""
    known = select(events.c.seq).where(events.c.job == job.id, events.c.key == VALIDATED.key)
    return connection.execute(known).first() is not None


def hold_files(connection: Connection, job: Row[Any]) -> None:
    """Wait for whoever writes down what came of the job's files; nobody does so until the transaction is over."""
    wanted = select(files.c.id).where(files.c.id.in_(_files(job))).order_by(files.c.number)
    connection.execute(wanted.with_for_update(read=True)).all()


def queue_jobs_of(connection: Connection, file: str, now: float) -> None:
    """The same for every job that needs `file`, which was just read through."""
    needs = or_(jobs.c.training_file == file, jobs.c.validation_file == file)
    waiting = select(jobs.c.id).where(needs, jobs.c.status == VALIDATING).order_by(jobs.c.number)
    for job in connection.execute(waiting).scalars().all():
        queue_if_validated(connection, job, now)


def _all_processed(connection: Connection, job: Row[Any]) -> bool:
    names = _files(job)
    wanted = select(func.count()).where(files.c.id.in_(names), files.c.status == PROCESSED)
    return bool(connection.execute(wanted).scalar_one() == len(names))


def _files(job: Row[Any]) -> set[str]:
    return {job.training_file, job.validation_file} - {None}
