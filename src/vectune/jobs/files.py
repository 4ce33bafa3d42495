"""Uploaded files and the results of jobs: what is known of them in the database, their bytes in a file store."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, or_, select, update

from vectune.config.jobs import JobsConfig
from vectune.errors import Interrupted, NotFound, StorageError
from vectune.jobs.database import Database
from vectune.jobs.file_bytes import FileBytes
from vectune.jobs.file_check import FileCheck, fault
from vectune.jobs.identifiers import new_id
from vectune.jobs.job import OVER
from vectune.jobs.page import Page, page
from vectune.jobs.refusals import BadParameter, InUse
from vectune.jobs.schema import files, jobs
from vectune.jobs.validated import PROCESSED, queue_jobs_of
from vectune.monitor.progress import Progress, Silent, Stoppable

UPLOADED, ERROR = "uploaded", "error"
FINE_TUNE, RESULTS = "fine-tune", "fine-tune-results"
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
"""What a client may upload files for."""
_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")


@dataclass(frozen=True)
class StoredFile:
    """What is known of a file; times are whole seconds since 1970, `status` is uploaded, processed or error."""

    id: str
    project: str
    filename: str
    purpose: str
    bytes: int
    created_at: int
    expires_at: int | None
    status: str
    status_details: str | None


class FileStore:
    """The files of every project: rows in `database`, bytes under `root` (a folder or an fsspec URL). `check` reads
    those to tune with through; by default that is done in this process, however large they are.

    The bytes come first and the row after them, so that a file that is listed is whole; a crash in between leaves
    bytes that nobody knows of.
    """

    def __init__(self, database: Database, root: str, check: FileCheck | None = None) -> None:
        self._database = database
        self._bytes = FileBytes(root)
        self._check = check or partial(fault, JobsConfig())

    def create(
        self,
        project: str,
        filename: str,
        purpose: str,
        chunks: Iterator[bytes],
        *,
        expires_after: int | None = None,
        most_bytes: int = 512 << 20,
    ) -> StoredFile:
        """Keep `chunks` as a new file; `expires_after` are seconds from now.

        Raises BadParameter for a purpose that is not of PURPOSES, and for a file to tune with that is not .jsonl;
        TooLarge when there are more than `most_bytes`, of which none are left then.
        """
        _refuse_purpose(purpose, filename)
        return self.put(new_id("file-"), project, filename, purpose, chunks, expires_after, most_bytes)

    def put(
        self,
        name: str,
        project: str,
        filename: str,
        purpose: str,
        chunks: Iterator[bytes],
        expires_after: int | None = None,
        most_bytes: int = 1 << 40,
    ) -> StoredFile:
        """Keep `chunks` as the file of id `name`, unless it is there already."""
        location = f"{project}/{name}{_suffix(filename)}"
        size = self._bytes.write(location, chunks, most_bytes)
        now = int(time.time())
        row = {
            "id": name,
            "project": project,
            "filename": filename,
            "purpose": purpose,
            "bytes": size,
            "created_at": now,
            "expires_at": None if expires_after is None else now + expires_after,
            "status": UPLOADED if purpose == FINE_TUNE else PROCESSED,
            "status_details": None,
            "location": location,
        }
        with self._database.session() as connection:
            known = connection.execute(select(files.c.id).where(files.c.id == name)).first()
            if known is None:
                connection.execute(files.insert().values(row))
            else:  # written again by a job that went on elsewhere
                connection.execute(update(files).where(files.c.id == name).values(bytes=size))
        return self.get(project, name)

    def list(
        self,
        project: str,
        *,
        after: str | None = None,
        limit: int = 10_000,
        order: str = "desc",
        purpose: str | None = None,
    ) -> Page[StoredFile]:
        """The project's files, newest first (`order="asc"`: oldest first), after the one of id `after`.

        Raises NotFound when there is no such file, BadParameter for another order.
        """
        if order not in ("asc", "desc"):
            raise BadParameter(f"The order is {order!r}.", "Give asc or desc.", "order")
        wanted = select(files).where(files.c.project == project, unexpired())
        if purpose is not None:
            wanted = wanted.where(files.c.purpose == purpose)
        with self._database.session(write=False) as connection:
            if after is not None:
                number = _row(connection, project, after).number
                wanted = wanted.where(files.c.number < number if order == "desc" else files.c.number > number)
            ordered = wanted.order_by(files.c.number.desc() if order == "desc" else files.c.number)
            rows = connection.execute(ordered.limit(limit + 1)).all()
        return page([_file(row) for row in rows], limit)

    def get(self, project: str, name: str, *, held: bool = False) -> StoredFile:
        """The file of id `name`; NotFound when the project has none.

        A job asks for files that are `held` for it: they stay until it is over, though they expire meanwhile.
        """
        with self._database.session(write=False) as connection:
            return _file(_row(connection, project, name, held=held))

    def known(self, project: str, names: Collection[str]) -> Mapping[str, StoredFile]:
        """Those files of `names` that the project has, by id, asked for at once."""
        wanted = select(files).where(files.c.id.in_(names), files.c.project == project, unexpired())
        with self._database.session(write=False) as connection:
            return {row.id: _file(row) for row in connection.execute(wanted)}

    def chunks(self, project: str, name: str) -> Iterator[bytes]:
        """The file's bytes in blocks; NotFound at once when the project has no such file."""
        with self._database.session(write=False) as connection:
            location = _row(connection, project, name).location
        return self._bytes.read(location)

    def local(self, project: str, name: str, *, held: bool = False) -> AbstractContextManager[Path]:
        """A path on this machine that holds the file's bytes while the context lasts; `held` as for `get`."""
        with self._database.session(write=False) as connection:
            location = _row(connection, project, name, held=held).location
        return self._bytes.local(location)

    def delete(self, project: str, name: str) -> None:
        """Remove the file; InUse while a job that is not over needs it, NotFound when the project has none."""
        with self._database.session() as connection:
            row = _row(connection, project, name, lock=True)  # a job that is being made holds it until it can be seen
            used = or_(jobs.c.training_file == name, jobs.c.validation_file == name)
            holder = connection.execute(select(jobs.c.id).where(used, jobs.c.status.not_in(OVER))).first()
            if holder is not None:
                raise InUse(f"The file {name} is used by the job {holder.id}.", "Wait until it is over, or cancel it.")
            connection.execute(delete(files).where(files.c.id == name))
        try:
            self._bytes.remove(row.location)
        except StorageError:  # the file is deleted all the same, and clearing up finds bytes that nobody knows
            _log.exception("the bytes of the deleted file %s are left in the store", name)

    def unread(self) -> tuple[str, ...]:
        """Ids of files to tune with that nobody has read through: a server ended before it had. Oldest first."""
        wanted = select(files.c.id).where(files.c.purpose == FINE_TUNE, files.c.status == UPLOADED, unexpired())
        with self._database.session(write=False) as connection:
            return tuple(connection.execute(wanted.order_by(files.c.number)).scalars())

    def validate(self, name: str, progress: Progress | None = None) -> StoredFile:
        """Read the file as training would and keep what came of it: status processed, or error with the reason. Jobs
        that waited for it alone are queued with that. Where several read it at the same time it is processed as soon as
        one of them could read it, whatever ended the others.

        Files that are there for something else than tuning stay as they are. NotFound when there is none, or it is
        deleted meanwhile; Interrupted when `progress` ends the work.
        """
        with self._database.session(write=False) as connection:
            row = connection.execute(select(files).where(files.c.id == name)).first()
        if row is None:
            raise _no_file(name)
        if row.purpose == FINE_TUNE and row.status == UPLOADED:
            reason = self._fault(row, progress)
            status = {"status": PROCESSED if reason is None else ERROR, "status_details": reason}
            unsettled = (UPLOADED,) if reason is not None else (UPLOADED, ERROR)
            with self._database.session() as connection:
                here = and_(files.c.id == name, files.c.status.in_(unsettled))
                connection.execute(update(files).where(here).values(status))
                queue_jobs_of(connection, name, self._database.now(connection))
        return self.get(row.project, name, held=True)

    def _fault(self, row: Row[Any], progress: Progress | None) -> str | None:
        while_there = Stoppable(progress or Silent(), self._deletion(row.id))
        try:
            with self._bytes.local(row.location, partial(while_there.advance, 0)) as path:
                return self._check(path, row.filename, while_there)
        except NotFound as error:
            return error.message
        except Interrupted:
            self.get(row.project, row.id, held=True)  # NotFound if that is why
            raise

    def _deletion(self, name: str) -> Callable[[], bool]:
        """Says whether the file was deleted by now; the database is asked so often at most."""
        asked = time.monotonic()

        def is_deleted() -> bool:
            nonlocal asked
            if time.monotonic() - asked < _LOOK_SECONDS:
                return False
            asked = time.monotonic()
            try:
                with self._database.session(write=False) as connection:
                    return connection.execute(select(files.c.id).where(files.c.id == name)).first() is None
            except StorageError:  # it may answer again before the file is read
                return False

        return is_deleted


def _refuse_purpose(purpose: str, filename: str) -> None:
    if purpose not in PURPOSES:
        told = f"Give one of: {', '.join(PURPOSES)}."
        raise BadParameter(f"{purpose[:40]!r} is no purpose of a file.", told, "purpose")
    if purpose == FINE_TUNE and not filename.lower().endswith(".jsonl"):
        raise BadParameter(f"{filename} is no JSONL file by its name.", "Give a name that ends with .jsonl.", "file")


def unexpired() -> Any:
    """The condition that a file has not expired."""
    return or_(files.c.expires_at.is_(None), files.c.expires_at > int(time.time()))


def _row(connection: Connection, project: str, name: str, *, held: bool = False, lock: bool = False) -> Row[Any]:
    wanted = select(files).where(files.c.id == name, files.c.project == project)
    wanted = wanted if held else wanted.where(unexpired())
    row = connection.execute(wanted.with_for_update() if lock else wanted).first()
    if row is None:
        raise _no_file(name)
    return row


def _no_file(name: str) -> NotFound:
    return NotFound(f"There is no file {name}.", "GET /v1/files lists those there are.")


def _file(row: Row[Any]) -> StoredFile:
    return StoredFile(**{name: row._mapping[name] for name in StoredFile.__dataclass_fields__})


def _suffix(filename: str) -> str:
    """The ending of the name, which tells how the file is read; other parts of a name never reach the disk."""
    found = _SUFFIX.search(filename)
    return found.group().lower() if found else ""
