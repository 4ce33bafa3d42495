"""What nobody needs any more: expired files, what crashes left behind, the work of jobs that are over.

Safe beside servers and workers: only what the database calls over or does not know is touched, what it does not know
only when it is old, and a folder that a process holds never.
"""

from __future__ import annotations

import fcntl
import re
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, or_, select

from vectune.config.retention import RetentionConfig
from vectune.jobs.clearing import Clearing
from vectune.jobs.database import Database
from vectune.jobs.file_bytes import Entry, FileBytes
from vectune.jobs.files import RESULTS
from vectune.jobs.identifiers import derived_id
from vectune.jobs.job import CANCELLED, OVER
from vectune.jobs.models import MODELS, started_from
from vectune.jobs.results import RESULT_FILES
from vectune.jobs.running import JOBS
from vectune.jobs.schema import checkpoints, events, files, jobs, models
from vectune.store.cache_folder import cache_folder

_HOUR, _DAY = 3600.0, 86_400.0
_GRACE = 120.0
"""Seconds after a lease's end in which its worker may still be busy with leaving."""
_FILE = re.compile(r"[^/]+/\.?(file-[A-Za-z0-9]{24})(\.[a-z0-9]{1,8})?(\.partial)?")
_JOB = re.compile(r"\.?(ft(?:job)?-[A-Za-z0-9]{24})(\.removed)?")
_MODEL = re.compile(r"\.?(ft(?:job)?-[A-Za-z0-9]{24})(-step-\d+)?(\.partial)?(\.removed)?")
_GRAPHS = "graphs"


class Retention:
    """Clears up one home folder, its file store and the cache of graphs. `clock` gives seconds since 1970."""

    def __init__(
        self,
        database: Database,
        home: Path,
        files_root: str,
        config: RetentionConfig,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._home = home
        self._bytes = FileBytes(files_root)
        self._config = config
        self._clock = clock

    def clear(self, *, dry_run: bool = False, force: bool = False) -> Clearing:
        """Remove what may go, or with `dry_run` say what would."""
        done = Clearing(dry_run, force)
        self._old_files(done)
        self._unknown_bytes(done)
        self._job_folders(done)
        self._old_checkpoints(done)
        self._model_folders(done)
        self._old_events(done)
        self._graphs(done)
        return done

    def _old_files(self, done: Clearing) -> None:
        """Files past their time that no job needs: the row first, then the bytes."""
        now = self._clock()
        old: ColumnElement[bool] = and_(files.c.expires_at.is_not(None), files.c.expires_at <= int(now))
        if self._config.result_days is not None:
            made = files.c.created_at <= int(now - self._config.result_days * _DAY)
            old = or_(old, and_(files.c.purpose == RESULTS, made))
        needed = (
            exists()
            .where(
                or_(jobs.c.training_file == files.c.id, jobs.c.validation_file == files.c.id),
                jobs.c.status.not_in(OVER),
            )
            .correlate(files)
        )
        with self._database.session(write=False) as connection:
            found = connection.execute(select(files).where(old, ~needed)).all()
        for row in found:
            kind = "result file" if row.purpose == RESULTS else "expired file"
            done.take(kind, row.id, row.bytes, partial(self._remove_file, row, ~needed))

    def _remove_file(self, row: Row[Any], free: ColumnElement[bool]) -> None:
        with self._database.session() as connection:
            held = select(files.c.id).where(files.c.id == row.id).with_for_update()
            connection.execute(held)  # a job that is being made may have it: that can't be seen before it is there
            gone = connection.execute(delete(files).where(files.c.id == row.id, free)).rowcount
        if gone:
            self._bytes.remove(row.location)

    def _unknown_bytes(self, done: Clearing) -> None:
        """Bytes without a row, as a crash between the two leaves; rows without bytes are told.

        The bytes are listed before the rows are read: what comes in between has its row by then.
        """
        entries = list(self._bytes.entries())
        with self._database.session(write=False) as connection:
            rows = {row.location: row.id for row in connection.execute(select(files.c.location, files.c.id))}
            alive = connection.execute(select(jobs.c.id).where(jobs.c.status.not_in(OVER))).scalars().all()
        awaited = {derived_id("file-", job, name) for job in alive for name in RESULT_FILES}
        unknown = [entry for entry in entries if entry.location not in rows and self._is_left(entry, awaited)]
        halves = [entry for entry in unknown if entry.location.endswith(".partial")]
        whole = [entry for entry in unknown if entry not in halves]
        if not done.may_take("unknown bytes", whole, len(rows)):
            whole = []
        for entry in (*halves, *whole):
            place = entry.location
            done.take("unknown bytes", place, entry.bytes, partial(self._bytes.remove, place))
        there = {entry.location for entry in entries}
        done.missing += [
            f"file {name}" for place, name in rows.items() if place not in there and not self._bytes.exists(place)
        ]

    def _is_left(self, entry: Entry, awaited: set[str]) -> bool:
        """Whether these bytes are named like ours, are old, and no job is about to put them there again."""
        named = _FILE.fullmatch(entry.location)
        if named is None or named[1] in awaited or entry.written is None:
            return False
        return self._clock() - entry.written > self._config.unknown_hours * _HOUR

    def _job_folders(self, done: Clearing) -> None:
        """Work of jobs that are over: of cancelled ones at once, of others after some days."""
        found = [(folder, named[1]) for folder in _folders(self._home / JOBS) if (named := _JOB.fullmatch(folder.name))]
        rows = self._jobs()
        unknown = [folder for folder, job in found if job not in rows and self._is_old(folder)]
        for folder, job in found:
            if job in rows and self._is_done_with(rows[job]) and not _is_held(folder):
                done.take_folder("job folder", folder)
        if done.may_take("job folder", unknown, len(rows)):
            for folder in unknown:
                done.take_folder("job folder", folder)

    def _is_done_with(self, row: Row[Any]) -> bool:
        now = self._clock()
        if row.status not in OVER or (row.worker is not None and row.lease_until + _GRACE > now):
            return False
        return bool(row.status == CANCELLED or (row.finished_at or now) + self._config.job_days * _DAY <= now)

    def _old_checkpoints(self, done: Clearing) -> None:
        """Models from the middle of jobs that are long over, but for those that a job starts from: the rows first."""
        if self._config.checkpoint_days is None:
            return
        before = int(self._clock() - self._config.checkpoint_days * _DAY)
        over = select(jobs.c.id).where(jobs.c.status.in_(OVER), jobs.c.finished_at <= before)
        old = select(models).where(models.c.step.is_not(None), models.c.job.in_(over))
        with self._database.session(write=False) as connection:
            found = connection.execute(old.order_by(models.c.job, models.c.step)).all()
            free = [row for row in found if started_from(connection, [row.location]) is None]
        for row in free:
            if done.dry_run or self._forget_free(row):
                done.take_folder("old checkpoint", self._home / row.location)

    def _forget_free(self, row: Row[Any]) -> bool:
        """Forget a checkpoint unless a job starts from it by now; whether it is forgotten."""
        with self._database.session() as connection:
            connection.execute(select(models.c.id).where(models.c.id == row.id).with_for_update())
            if started_from(connection, [row.location]) is not None:
                return False
            self._forget_in(connection, row)
        return True

    def _model_folders(self, done: Clearing) -> None:
        """Folders of models without a row, once their job is over; and rows of checkpoints without a folder."""
        there = list(_folders(self._home / MODELS))
        with self._database.session(write=False) as connection:
            rows = connection.execute(select(models)).all()
        known = {row.location for row in rows}
        work = self._jobs()
        alive = {job for job, row in work.items() if row.status not in OVER}
        bases = {Path(work[job].base).name for job in alive}
        unknown = [
            folder
            for folder in there
            if (named := _MODEL.fullmatch(folder.name))
            and f"{MODELS}/{folder.name}" not in known
            and named[1] not in alive
            and folder.name not in bases
            and self._is_old(folder)
        ]
        if done.may_take("model folder", unknown, len(rows)):
            for folder in unknown:
                done.take_folder("model folder", folder)
        self._checkpoint_rows(done, rows, {folder.name for folder in there}, alive)

    def _checkpoint_rows(self, done: Clearing, rows: Sequence[Row[Any]], there: set[str], alive: set[str]) -> None:
        """A checkpoint whose folder is gone is forgotten if other models of its job lie here: then it was here too."""
        here = {named[1] for name in there if (named := _MODEL.fullmatch(name))}
        for row in rows:
            if row.location.rpartition("/")[2] in there or row.job in alive or (self._home / row.location).is_dir():
                continue
            if row.step is not None and row.job in here:
                done.take("checkpoint", row.id, 0, partial(self._forget, row))
            else:
                done.missing.append(f"model {row.id}")

    def _forget(self, row: Row[Any]) -> None:
        with self._database.session() as connection:
            self._forget_in(connection, row)

    @staticmethod
    def _forget_in(connection: Connection, row: Row[Any]) -> None:
        connection.execute(delete(models).where(models.c.id == row.id))
        of_step = and_(checkpoints.c.job == row.job, checkpoints.c.step_number == row.step)
        connection.execute(delete(checkpoints).where(of_step))

    def _old_events(self, done: Clearing) -> None:
        if self._config.event_days is None:
            return
        before = int(self._clock() - self._config.event_days * _DAY)
        over = select(jobs.c.id).where(jobs.c.status.in_(OVER), jobs.c.finished_at <= before)
        with self._database.session(write=False) as connection:
            names = connection.execute(select(events.c.job).where(events.c.job.in_(over)).distinct()).scalars().all()
        for name in names:
            done.take("events", name, 0, partial(self._remove_events, name))

    def _remove_events(self, job: str) -> None:
        with self._database.session() as connection:
            connection.execute(delete(events).where(events.c.job == job))

    def _graphs(self, done: Clearing) -> None:
        """Graphs in vectune's cache that were not opened for long, as those of deleted models, and unfinished ones."""
        now = self._clock()
        for folder in _folders(cache_folder() / _GRAPHS):
            days = 1.0 if folder.name.startswith(".") else self._config.graph_days
            if now - _changed(folder, now) > days * _DAY:
                done.take_folder("cached graph", folder)

    def _jobs(self) -> dict[str, Row[Any]]:
        columns: list[Any] = [
            jobs.c.id,
            jobs.c.status,
            jobs.c.finished_at,
            jobs.c.worker,
            jobs.c.lease_until,
            jobs.c.base,
        ]
        with self._database.session(write=False) as connection:
            return {row.id: row for row in connection.execute(select(*columns))}

    def _is_old(self, folder: Path) -> bool:
        now = self._clock()
        return now - _changed(folder, now) > self._config.unknown_hours * _HOUR


def _folders(root: Path) -> Iterator[Path]:
    try:
        yield from sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.is_symlink())
    except FileNotFoundError:
        return


def _changed(folder: Path, now: float) -> float:
    """When something was last put into the folder; now, if it has just gone."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return now


def _is_held(folder: Path) -> bool:
    """Whether a process holds the folder of a job, as `work_folder.held` does."""
    try:
        with (folder / "worker").open("rb+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
