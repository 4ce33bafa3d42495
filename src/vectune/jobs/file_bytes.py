"""Bytes under a root, on any file system that fsspec knows: there wholly or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vectune.errors import ConfigError, NotFound, StorageError
from vectune.jobs.refusals import TooLarge

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """Bytes that are there. `written` is when, in seconds since 1970; None where the file system does not tell."""

    location: str
    bytes: int
    written: float | None


class FileBytes:
    """Files below `root`: a folder, or an fsspec URL like `s3://bucket/folder`."""

    def __init__(self, root: str) -> None:
        from fsspec.core import url_to_fs

        try:
            self._system, path = url_to_fs(root)
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{root} is no place for files: {error}.", "Give a folder, or install its driver."
            ) from error
        self._root = str(path).rstrip("/")
        self._local = "file" in _protocols(self._system)

    def write(self, location: str, chunks: Iterator[bytes], most_bytes: int) -> int:
        """Write `chunks` aside and rename them to `location`; the number of bytes.

        Raises TooLarge beyond `most_bytes`, StorageError when the bytes can't be kept; nothing is left then.
        """
        final = self._path(location)
        folder, _, name = final.rpartition("/")
        aside = f"{folder}/.{name}.partial"
        try:
            self._system.makedirs(folder, exist_ok=True)
            with self._system.open(aside, "wb") as file:
                size = _pour(chunks, file, most_bytes)
                if self._local:
                    file.flush()
                    os.fsync(file.fileno())
            self._system.mv(aside, final)
        except BaseException as error:
            with suppress(Exception):
                self._system.rm(aside)
            if isinstance(error, OSError):
                reason = error.strerror or str(error)
                raise StorageError(
                    f"The file could not be kept: {reason}.", "Make room, or try again later."
                ) from error
            raise
        return size

    def read(self, location: str) -> Iterator[bytes]:
        """The bytes at `location`, in blocks of at most 1 MiB. Raises NotFound when they are gone."""
        try:
            with self._system.open(self._path(location), "rb") as file:
                while block := file.read(_BLOCK):
                    yield block
        except FileNotFoundError as error:
            raise NotFound("The content of the file is gone.", "Upload it again.") from error

    def remove(self, location: str) -> None:
        """Remove what is at `location`, if anything is."""
        with suppress(FileNotFoundError):
            self._system.rm(self._path(location))

    def entries(self) -> Iterator[Entry]:
        """Everything below the root."""
        self._system.invalidate_cache()
        for path, facts in self._system.find(self._root, detail=True).items():
            yield Entry(path.removeprefix(f"{self._root}/"), int(facts.get("size") or 0), _written(facts))

    def exists(self, location: str) -> bool:
        """Whether something is at `location`."""
        return bool(self._system.exists(self._path(location)))

    @contextmanager
    def local(self, location: str) -> Iterator[Path]:
        """A path on this machine with the same bytes; a copy, removed at the end, where they lie elsewhere."""
        if self._local:
            path = Path(self._path(location))
            if not path.is_file():
                raise NotFound("The content of the file is gone.", "Upload it again.")
            yield path
            return
        with TemporaryDirectory(prefix="vectune-file-") as folder:
            path = Path(folder) / location.rpartition("/")[2]
            with path.open("wb") as file:
                for block in self.read(location):
                    file.write(block)
            yield path

    def _path(self, location: str) -> str:
        return f"{self._root}/{location}"


def _pour(chunks: Iterator[bytes], file: Any, most_bytes: int) -> int:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > most_bytes:
            raise TooLarge(f"The file is larger than {most_bytes:,} bytes.", "Give a smaller file.")
        file.write(chunk)
    return size


def _protocols(system: Any) -> tuple[str, ...]:
    named = system.protocol
    return (named,) if isinstance(named, str) else tuple(named)


def _written(facts: Any) -> float | None:
    """When a file was written, which file systems call by different names."""
    for name in ("mtime", "LastModified", "last_modified", "updated", "created"):
        found = facts.get(name)
        if isinstance(found, datetime):
            return found.timestamp()
        if isinstance(found, int | float):
            return float(found)
    return None
