"""What one job may take: rows, time at work, memory of its process, and disk."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vectune.config.jobs import JobsConfig
from vectune.errors import VectuneError
from vectune.jobs.refusals import UnfitFile
from vectune.monitor.progress import Progress

_GIB = 1 << 30
_BLOCK = 1 << 20
_TIME_FILE = "seconds"
_DISK_EVERY = 10
"""Looks between two at the disk, each of which visits every file of the job."""


class LimitExceeded(VectuneError):  # noqa: N818 - what happened
    """A job took more than one may: it has failed, and would again."""

    code = "limit_exceeded"


class JobLimits:
    """Measures one job that works in `folder`, in this process. The time it took is kept there, so that a job that is
    paused, or whose worker dies, does not begin anew; waiting is not counted.

    `memory` tells the bytes that the process holds, `clock` counts seconds.
    """

    def __init__(
        self,
        config: JobsConfig,
        folder: Path,
        memory: Callable[[], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._folder = folder
        self._memory = memory or resident_bytes
        self._clock = clock
        self._before = _read_seconds(folder / _TIME_FILE)
        self._began = clock()
        self._looks = 0

    def look(self) -> LimitExceeded | None:
        """What the job took too much of by now, in words of its owner; None while it keeps within all limits."""
        self._looks += 1
        return self._over_time() or self._over_memory() or self._over_disk()

    def _over_time(self) -> LimitExceeded | None:
        most = self._config.most_minutes
        if most is None:
            return None
        seconds = self._before + self._clock() - self._began
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / _TIME_FILE).write_text(f"{seconds:.1f}", encoding="ascii")
        if seconds <= most * 60:
            return None
        return LimitExceeded(
            f"The job was at work for more than {most:g} minutes, which is all that one may take here.",
            "Use fewer rows or epochs, or a smaller model.",
        )

    def _over_memory(self) -> LimitExceeded | None:
        most = self._config.most_memory_gib
        if most is None or self._memory() <= most * _GIB:
            return None
        return LimitExceeded(
            f"The job took more than {most:g} GiB of memory, which is all that one may take here.",
            "Use a smaller model or batch_size, or shorter texts.",
        )

    def _over_disk(self) -> LimitExceeded | None:
        most = self._config.most_disk_gib
        if most is None or self._looks % _DISK_EVERY != 1 or folder_bytes(self._folder) <= most * _GIB:
            return None
        return LimitExceeded(
            f"The job took more than {most:g} GiB of disk, which is all that one may take here.",
            "Use a smaller model, or fewer rows.",
        )


def refuse_long(path: Path, param: str, config: JobsConfig) -> None:
    """Raise UnfitFile, which names the field `param` of the job, when the file has more lines than a job may have."""
    most = config.most_rows
    if most is None:
        return
    lines, last = 0, b"\n"
    with path.open("rb") as file:
        while (block := file.read(_BLOCK)) and lines <= most:
            lines += block.count(b"\n")
            last = block[-1:]
    if lines + (last != b"\n") > most:
        raise UnfitFile(*_too_long(param.replace("_", " "), most), param)


class RowLimit:
    """A Progress that ends the reading of a file with LimitExceeded as soon as a job may not have as many rows: a
    document on one line has more than lines tell."""

    def __init__(self, progress: Progress, config: JobsConfig) -> None:
        self._progress = progress
        self._most = config.most_rows
        self._rows = 0

    def stage(self, name: str, total: int | None = None) -> None:
        """Pass the stage on, whose units are rows."""
        self._rows = 0
        self._progress.stage(name, total)

    def advance(self, amount: int = 1, **values: float) -> None:
        """Count, and pass on."""
        self._rows += amount
        if self._most is not None and self._rows > self._most:
            raise LimitExceeded(*_too_long("file", self._most))
        self._progress.advance(amount, **values)

    def note(self, message: str) -> None:
        """Pass the note on."""
        self._progress.note(message)


def _too_long(what: str, most: int) -> tuple[str, str]:
    return (
        f"The {what} has more than {most:,} rows, which is all that a job may have here.",
        "Leave some out, or share them out among several jobs.",
    )


def resident_bytes(process: int | None = None) -> int:
    """Memory that the process of that id holds now, by default this one; 0 where the system does not tell."""
    try:
        statm = Path(f"/proc/{process or 'self'}/statm")
        pages = int(statm.read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below `folder`; those that go while it is looked at are passed over."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size
    return total


def _read_seconds(file: Path) -> float:
    try:
        return float(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0.0
