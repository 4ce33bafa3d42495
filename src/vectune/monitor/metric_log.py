"""Measurements as an append-only log: JSONL, one object a line, readable while it grows."""

from __future__ import annotations

import errno
import os
import warnings
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

import orjson

from vectune.store.atomic import storage_error, write_bytes


class Opener(Protocol):
    """Opens the log to append, unbuffered; a seam for tests that need a disk which fills up."""

    def __call__(self, path: Path) -> BinaryIO:
        """A file at `path` whose writes go to its end."""


def _append(path: Path) -> BinaryIO:
    return path.open("ab", buffering=0)


class MetricLog:
    """Appends one JSON object a line to `path`; each line is with the system before `write` returns.

    A log that can't start is a StorageError. One that fails later warns once and goes on: watching never stops the
    work; `close` then says how many lines were lost. A half line left by a crash is cut off when the log is opened.
    """

    def __init__(self, path: Path, *, opener: Opener = _append) -> None:
        self.path = Path(path)
        self.lost = 0
        try:
            _cut_half_line(self.path)
            self._file = opener(self.path)
        except OSError as error:
            raise storage_error(self.path, error) from error

    def write(self, event: str, **values: Any) -> None:
        """Append `{"event": event, **values}`; numbers of numpy are welcome, NaN and infinity become null."""
        line = orjson.dumps({"event": event, **values}, option=orjson.OPT_SERIALIZE_NUMPY, default=str) + b"\n"
        start = 0
        try:
            start = self._file.seek(0, os.SEEK_END)
            if self._file.write(line) != len(line):
                raise OSError(errno.ENOSPC, "only a part of the line was taken")
        except (OSError, ValueError) as error:
            self._lose(start, error)

    def close(self) -> None:
        """Close the file; warns when lines were lost. Closing twice is fine."""
        if self._file.closed:
            return
        try:
            self._file.close()
        except OSError as error:
            warnings.warn(f"{self.path} could not be closed: {error}", RuntimeWarning, stacklevel=2)
        if self.lost:
            warnings.warn(f"{self.lost} measurements are missing in {self.path}", RuntimeWarning, stacklevel=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lose(self, start: int, error: Exception) -> None:
        """Count the line as lost, take back what stands of it, and say so the first time."""
        self.lost += 1
        with suppress(OSError, ValueError):  # where even that fails the half line stays; readers leave it out
            self._file.truncate(start)
        if self.lost == 1:
            said = storage_error(self.path, error).message if isinstance(error, OSError) else f"{self.path}: {error}"
            warnings.warn(f"{said} Measurements are lost; the work goes on.", RuntimeWarning, stacklevel=3)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The objects of the log at `path`, oldest first; [] without a file.

    A half line at the end (a writer that is at work, or was killed) and lines that are no JSON object are left out.
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_error(Path(path), error, "read") from error
    return [entry for line in content.split(b"\n") if (entry := _entry(line)) is not None]


def rewind(path: Path, step: int) -> None:
    """Take back from the log at `path` what was measured after `step`, so that work resumed there adds to it.

    Entries without a step are of work after training and go too. Without a file nothing happens; StorageError when
    the log can't be read or written.
    """
    if not Path(path).exists():
        return
    kept = [entry for entry in read_metrics(path) if isinstance(entry.get("step"), int) and entry["step"] <= step]
    write_bytes(path, b"".join(orjson.dumps(entry) + b"\n" for entry in kept))


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None


def _cut_half_line(path: Path) -> None:
    if not path.exists() or not path.is_file():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)
