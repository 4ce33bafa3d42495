"""Bytes under a root, on any file system that fsspec knows: there wholly or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from vectune.errors import ConfigError, NotFound, StorageError, VectuneError
from vectune.jobs.refusals import TooLarge

_BLOCK = 1 << 20
_ANY_DRIVER = "Give a folder, or install its driver."
_S3_DRIVER = "Install its driver: pip install 'vectune[s3]'."


@dataclass(frozen=True)
class Entry:
    """Bytes that are there. `written` is when, in seconds since 1970; None where the file system does not tell."""

    location: str
    bytes: int
    written: float | None


class FileBytes:
    """Files below `root`: a folder, or an fsspec URL like `s3://bucket/folder`. Other processes may write there too.

    Whatever a file system raises becomes a StorageError, but for files that are not there.
    """

    def __init__(self, root: str) -> None:
        try:
            self._files, path = _opened(root)
        except (ImportError, ValueError) as error:
            hint = _S3_DRIVER if root.startswith(("s3:", "s3a:")) else _ANY_DRIVER
            raise ConfigError(f"{root} is no place for files: {error}.", hint) from error
        self._root = str(path).rstrip("/")
        self._local = "file" in _protocols(self._files)
        self._faults: tuple[type[Exception], ...] = (OSError,) if self._local else (Exception,)
        """What the file system may raise: drivers of remote ones have errors of their own."""

    def write(self, location: str, chunks: Iterator[bytes], most_bytes: int) -> int:
        """Write `chunks` aside and rename them to `location`; the number of bytes.

        Raises TooLarge beyond `most_bytes`, StorageError when the bytes can't be kept; nothing is left then.
        """
        final = self._path(location)
        folder, _, name = final.rpartition("/")
        aside = f"{folder}/.{name}.partial"
        with self._telling("kept", "Make room, or try again later."):
            try:
                self._system.makedirs(folder, exist_ok=True)
                with self._system.open(aside, "wb") as file:
                    size = _pour(chunks, file, most_bytes)
                    if self._local:
                        file.flush()
                        os.fsync(file.fileno())
                self._system.mv(aside, final)
            except BaseException:
                with suppress(Exception):
                    self._system.rm(aside)
                raise
        return size

    def read(self, location: str) -> Iterator[bytes]:
        """The bytes at `location`, in blocks of at most 1 MiB. Raises NotFound when they are gone, StorageError when
        they can't be read."""
        with self._telling("read"):
            try:
                with self._system.open(self._path(location), "rb") as file:
                    while block := file.read(_BLOCK):
                        yield block
            except FileNotFoundError as error:
                raise NotFound("The content of the file is gone.", "Upload it again.") from error

    def remove(self, location: str) -> None:
        """Remove what is at `location`, if anything is. Raises StorageError when it can't be."""
        with self._telling("removed"), suppress(FileNotFoundError):
            self._system.rm(self._path(location))

    def entries(self) -> Iterator[Entry]:
        """Everything below the root. Raises StorageError when it can't be listed."""
        with self._telling("listed"):
            found = self._system.find(self._root, detail=True)
        for path, facts in found.items():
            yield Entry(path.removeprefix(f"{self._root}/"), int(facts.get("size") or 0), _written(facts))

    def exists(self, location: str) -> bool:
        """Whether something is at `location`. Raises StorageError when nobody can tell."""
        with self._telling("found"):
            return bool(self._system.exists(self._path(location)))

    @contextmanager
    def local(self, location: str, look: Callable[[], object] = lambda: None) -> Iterator[Path]:
        """A path on this machine with the same bytes; a copy, removed at the end, where they lie elsewhere. While it is
        made `look` is called for each block: what that raises ends it."""
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
                    look()
                    file.write(block)
            yield path

    @property
    def _system(self) -> Any:
        """The file system, which is to look anew: what it remembers of a folder is wrong as soon as another process
        has written there."""
        self._files.invalidate_cache()
        return self._files

    @contextmanager
    def _telling(self, done: str, hint: str = "Try again later.") -> Iterator[None]:
        try:
            yield
        except VectuneError:
            raise
        except self._faults as error:
            reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).rstrip(".")
            raise StorageError(f"The file could not be {done}: {reason}.", hint) from error

    def _path(self, location: str) -> str:
        return f"{self._root}/{location}"


def _opened(root: str) -> tuple[Any, Any]:
    """The file system of a URL and the path in it; one that remembers no folders, where that can be asked for."""
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(root, use_listings_cache=False)
    except TypeError:  # its driver hands on what it is given, to who does not know this
        system, path = url_to_fs(root)
    return system, path


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
