"""A copy of a home folder that a server and workers may be using meanwhile, and the way back.

The database comes first, in one piece. What it names is copied after it: files and models never change once they are
there, they can only go; what went meanwhile is taken out of the copy too. So the copy is the service as it was at one
moment, less what was deleted soon after.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import delete, make_url, select

from vectune.errors import NotFound, StorageError
from vectune.jobs.database import Database
from vectune.jobs.file_bytes import FileBytes
from vectune.jobs.job import PAUSED
from vectune.jobs.models import MODELS
from vectune.jobs.running import JOBS
from vectune.jobs.schema import checkpoints, files, jobs, models
from vectune.store.atomic import folder_aside, no_room, storage_error, write_bytes
from vectune.store.run_folder import read_json

MANIFEST = "backup.json"
"""Written last: a folder without it is no backup."""
DATABASE, FILES = "vectune.db", "files"
_FORMAT = 1
_BLOCK = 1 << 20
_PRIVATE = 0o700
"""Uploaded texts and hashes of keys are for the owner alone."""


@dataclass
class Backup:
    """What a copy holds. `files` is path in it to (bytes, SHA-256); `missing` is what the database names and the disk
    no longer had; without `database` that of a PostgreSQL server has to be copied by its own means."""

    created_at: int
    database: bool
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    num_files: int = 0
    num_models: int = 0
    missing: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Bytes of everything."""
        return sum(size for size, _ in self.files.values())

    def as_json(self) -> dict[str, Any]:
        """What is told of it, as plain JSON values."""
        return {
            "created_at": self.created_at,
            "database": self.database,
            "num_files": self.num_files,
            "num_models": self.num_models,
            "bytes": self.bytes,
            "missing": self.missing,
        }


def back_up(database: Database, home: Path, files_root: str, out: Path) -> Backup:
    """Copy the service at `home` to the new folder `out`, which is there wholly or not at all.

    Raises StorageError when `out` is taken, the disk is full or the database is damaged.
    """
    copying = _Copying(database, home, FileBytes(files_root))
    with folder_aside(out) as aside:
        aside.chmod(_PRIVATE)
        copying.copy(aside)
    return copying.done


def restore(source: Path, home: Path, files_root: str) -> Backup:
    """Put the copy at `source` into `home`, which is empty or not there, and its files under `files_root`.

    Every byte is checked against the manifest first, so that a damaged copy restores nothing: StorageError names what
    is damaged, and says when `home` is in use. NotFound without a copy at `source`.
    """
    found = _read(source)
    for name, (size, digest) in found.files.items():
        if _hashed(source / name) != (size, digest):
            raise StorageError(f"{source / name} is damaged: nothing was restored.", "Use another copy.")
    _refuse_used(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(_PRIVATE)
        _put_back(source, home, files_root, found)
    except OSError as error:
        raise storage_error(home, no_room(error) or error) from error
    return found


class _Copying:
    """One copy in the making: `done` grows with it."""

    def __init__(self, database: Database, home: Path, store: FileBytes) -> None:
        self._database = database
        self._home = home
        self._store = store
        self.done = Backup(int(time.time()), database.is_sqlite)

    def copy(self, aside: Path) -> None:
        if self._database.is_sqlite:
            _snapshot(_path_of(self._database), aside / DATABASE)
            copied = Database(f"sqlite:///{aside / DATABASE}")
        else:
            copied = self._database
        with copied.session(write=False) as connection:
            uploaded = connection.execute(select(files.c.id, files.c.location)).all()
            served = connection.execute(select(models.c.id, models.c.job, models.c.step, models.c.location)).all()
            paused = connection.execute(select(jobs.c.id).where(jobs.c.status == PAUSED)).scalars().all()
        lost_files = [row.id for row in uploaded if not self._file(row.location, aside / FILES)]
        lost_models = [row for row in served if not self._folder(Path(row.location), aside)]
        for name in paused:
            self._folder(Path(JOBS) / name, aside)
        gone_files, gone_models = self._deleted(lost_files, [row.id for row in lost_models])
        self.done.missing = [f"file {name}" for name in lost_files if name not in gone_files]
        self.done.missing += [f"model {row.id}" for row in lost_models if row.id not in gone_models]
        if self._database.is_sqlite:
            _take_out(copied, gone_files, [(row.id, row.job, row.step) for row in lost_models if row.id in gone_models])
            copied.close()
            _in_one_file(aside / DATABASE)
            self._note(DATABASE, aside / DATABASE)
        self.done.num_files = len(uploaded) - len(lost_files)
        self.done.num_models = len(served) - len(lost_models)
        write_bytes(aside / MANIFEST, _manifest(self.done))

    def _file(self, location: str, folder: Path) -> bool:
        """Copy one uploaded file; whether it was there."""
        target = folder / location
        target.parent.mkdir(parents=True, exist_ok=True)
        digest, size = hashlib.sha256(), 0
        try:
            with target.open("wb") as copy:
                for block in self._store.read(location):
                    digest.update(block)
                    size += copy.write(block)
        except NotFound:
            target.unlink(missing_ok=True)
            return False
        self.done.files[f"{FILES}/{location}"] = (size, digest.hexdigest())
        return True

    def _folder(self, place: Path, aside: Path) -> bool:
        """Copy one folder below the home folder; whether it was there, and to the end."""
        source, target = self._home / place, aside / place
        if not source.is_dir():
            return False
        try:
            listed = sorted(source.rglob("*"))
            for file in listed:
                if stat.S_ISREG(file.lstat().st_mode):
                    copy = target / file.relative_to(source)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, copy)
                    self._note((place / file.relative_to(source)).as_posix(), copy)
            if sorted(source.rglob("*")) != listed:
                raise FileNotFoundError(source)  # it was being removed when it was listed
        except FileNotFoundError:
            shutil.rmtree(target, ignore_errors=True)
            begun = f"{place.as_posix()}/"
            self.done.files = {name: entry for name, entry in self.done.files.items() if not name.startswith(begun)}
            return False
        return True

    def _note(self, name: str, copy: Path) -> None:
        self.done.files[name] = _hashed(copy)

    def _deleted(self, lost_files: list[str], lost_models: list[str]) -> tuple[set[str], set[str]]:
        """Those that the service itself does not know any more: they were deleted while the copy was made."""
        with self._database.session(write=False) as connection:
            known_files = set(connection.execute(select(files.c.id).where(files.c.id.in_(lost_files))).scalars())
            known_models = set(connection.execute(select(models.c.id).where(models.c.id.in_(lost_models))).scalars())
        return set(lost_files) - known_files, set(lost_models) - known_models


def _path_of(database: Database) -> Path:
    path = make_url(database.url).database
    assert path is not None
    return Path(path)


def _snapshot(path: Path, copy: Path) -> None:
    """The database at one moment, by SQLite's own online backup: writers go on meanwhile."""
    try:
        with closing(sqlite3.connect(path, timeout=30)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            (found,) = target.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        raise StorageError(f"{path} could not be copied: {error}.", "Look whether its disk is in order.") from error
    if found != "ok":
        raise StorageError(f"{path} is damaged: {found}.", "Restore an older copy.")


def _take_out(copied: Database, gone_files: set[str], gone_models: list[tuple[str, str, int | None]]) -> None:
    with copied.session() as connection:
        connection.execute(delete(files).where(files.c.id.in_(gone_files)))
        for name, job, step in gone_models:
            connection.execute(delete(models).where(models.c.id == name))
            connection.execute(delete(checkpoints).where(checkpoints.c.job == job, checkpoints.c.step_number == step))


def _in_one_file(copy: Path) -> None:
    """Without a log of writes beside it."""
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _manifest(done: Backup) -> bytes:
    entries = {name: {"bytes": size, "sha256": digest} for name, (size, digest) in sorted(done.files.items())}
    content = {"vectune_backup": _FORMAT, "vectune": version("vectune"), **done.as_json(), "files": entries}
    return orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n"


def _read(source: Path) -> Backup:
    content = read_json(source / MANIFEST)
    if content is None:
        raise NotFound(
            f"{source} holds no backup: there is no {MANIFEST}.", "Name a folder that `vectune backup` made."
        )
    try:
        if content["vectune_backup"] != _FORMAT:
            raise StorageError(f"{source} was made by another version of vectune.", "Restore it with that version.")
        entries = {str(name): (int(entry["bytes"]), str(entry["sha256"])) for name, entry in content["files"].items()}
        if any(Path(name).is_absolute() or ".." in Path(name).parts for name in entries):
            raise StorageError(f"{source / MANIFEST} names files outside of its folder.", "Use another copy.")
        return Backup(
            int(content["created_at"]), bool(content["database"]), entries, int(content["num_files"]),
            int(content["num_models"]), [str(name) for name in content["missing"]],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"{source / MANIFEST} is damaged.", "Use another copy.") from error


def _hashed(file: Path) -> tuple[int, str]:
    """Bytes and SHA-256; nothing has the size -1."""
    digest, size = hashlib.sha256(), 0
    try:
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
                size += len(block)
    except FileNotFoundError:
        return -1, ""
    return size, digest.hexdigest()


def _refuse_used(home: Path) -> None:
    """A volume may bring a folder of its own; anything else in the way is somebody's."""
    found = [entry.name for entry in home.iterdir() if entry.name != "lost+found"] if home.is_dir() else []
    if found or (home.exists() and not home.is_dir()):
        raise StorageError(f"{home} is not empty.", "Name a new folder (--home), or move this one away.")


def _put_back(source: Path, home: Path, files_root: str, found: Backup) -> None:
    """The database last: no server takes a home without it for whole."""
    store = FileBytes(files_root)
    for name in sorted(found.files, key=lambda name: name == DATABASE):
        top, _, rest = name.partition("/")
        if top == FILES:
            store.write(rest, _blocks(source / name), found.files[name][0])
        elif top in (MODELS, JOBS) or name == DATABASE:
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            partial = home / f".{DATABASE}.partial" if name == DATABASE else home / name
            shutil.copyfile(source / name, partial)
            partial.replace(home / name)


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            yield block
