"""Where a job of a live service stands, as its home folder has it: asked of the disk, so that it can be told of a
service that was just killed too."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from vectune.jobs.database import Database
from vectune.jobs.job import Event
from vectune.jobs.jobs import JobStore
from vectune.jobs.models import ModelRegistry
from vectune.jobs.schema import jobs

WAITING, VALIDATING, BEFORE, BETWEEN, RESUMING, TRAINING, JUDGING, MOVING, KEEPING = STAGES = (
    "waiting", "having its files read", "before training", "between two workers", "taken up again", "in training",
    "after its last step", "done, its model not in its place", "keeping its results",
)  # fmt: skip
"""All that a job can be at until it has succeeded, in order; the fourth and fifth only where its worker had died."""


class Stages:
    """Reads a home folder. `mark` tells it of a kill: what held the job then is dead."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._database = Database(f"sqlite:///{home / 'vectune.db'}")
        self._jobs = JobStore(self._database, ModelRegistry(self._database, home))
        self._dead: str | None = None
        self._said = 0

    def of(self, job: str) -> str:
        """Where the job stands; its status when it is over."""
        if self._is_moving(job):
            return MOVING
        status, worker = self._row(job)
        if status in ("validating_files", "queued"):
            return WAITING if worker in (None, self._dead) else VALIDATING
        if status != "running":
            return status
        if (self._home / "models" / job).is_dir():
            return KEEPING
        if worker in (None, self._dead):
            return BETWEEN
        told = self.events(job)
        if self._dead is not None and len(told) == self._said:
            return RESUMING
        return _progress(told)

    def is_at(self, job: str, stage: str) -> bool:
        """Whether the job stands there; moving takes a moment only, so nothing but the disk is asked about it."""
        return self._is_moving(job) if stage == MOVING else self.of(job) == stage

    def mark(self, job: str) -> None:
        """The job's worker is being killed."""
        self._dead, self._said = self._row(job)[1] or self._dead, len(self.events(job))

    def forget(self) -> None:
        """Another job begins: nobody died over it yet."""
        self._said = -1

    def events(self, job: str) -> tuple[Event, ...]:
        """The events of the job as the database has them, oldest first, numbers and all."""
        return self._jobs.events_since("default", job, 0)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _is_moving(self, job: str) -> bool:
        return (self._home / "jobs" / job / "run").is_dir() and not (self._home / "models" / job).is_dir()

    def _row(self, job: str) -> tuple[str, str | None]:
        with self._database.session(write=False) as connection:
            row = connection.execute(select(jobs.c.status, jobs.c.worker).where(jobs.c.id == job)).one()
        return row.status, row.worker


def _progress(told: tuple[Event, ...]) -> str:
    steps = [event.message for event in told if event.message.startswith("Step ")]
    if not steps:
        return BEFORE
    done, _, total = steps[-1].split()[1].rstrip(":").partition("/")
    return JUDGING if done == total else TRAINING
