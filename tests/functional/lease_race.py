"""A process that takes every job it can get. It imports little, so that several begin at the same moment."""

from __future__ import annotations

from typing import Any

from vectune.jobs.database import Database
from vectune.jobs.event_log import NewEvent
from vectune.jobs.leases import Leases


def take_all(url: str, name: str, begin: Any, taken: Any) -> None:
    """Take jobs until there are none, and begin each, as a worker does; tell (name, job) to `taken`, at last None."""
    database = Database(url)
    begin.wait()
    leases = Leases(database, name, seconds=600.0)
    while (job := leases.take()) is not None:
        leases.begin(job.id)
        leases.add_events(job.id, [NewEvent(f"mine {name}", f"{name} has it")])
        taken.put((name, job.id))
    database.close()
    taken.put(None)
