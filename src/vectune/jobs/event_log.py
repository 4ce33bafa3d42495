"""The events of a job: each is written once, whoever tries how often, and their numbers have no gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from vectune.jobs.identifiers import derived_id
from vectune.jobs.schema import events, jobs


@dataclass(frozen=True)
class NewEvent:
    """An event to be written. `key` says what it is about: a job has one event of each key."""

    key: str
    message: str
    level: str = "info"
    type: str = "message"
    data: Mapping[str, Any] | None = None


def append(connection: Connection, job: str, event: NewEvent, now: float) -> bool:
    """Write `event` unless the job has one of its key; whether it was written.

    The job's row is locked first, so that numbers follow the order of commits.
    """
    locked = select(jobs.c.num_events).where(jobs.c.id == job).with_for_update()
    number = int(connection.execute(locked).scalar_one()) + 1
    known = select(events.c.seq).where(events.c.job == job, events.c.key == event.key)
    if connection.execute(known).first() is not None:
        return False
    connection.execute(
        events.insert().values(
            job=job,
            seq=number,
            id=derived_id("ftevent-", job, event.key),
            key=event.key,
            created_at=int(now),
            level=event.level,
            message=event.message,
            type=event.type,
            data=None if event.data is None else dict(event.data),
        )
    )
    connection.execute(update(jobs).where(jobs.c.id == job).values(num_events=number, updated_at=int(now)))
    return True
