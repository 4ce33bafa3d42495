"""A file on a disk that fills up after so many bytes: the bytes before that are really written."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any


class FullDisk:
    """Wraps a binary file; writing more than `room` bytes in all writes what fits and raises ENOSPC."""

    def __init__(self, path: Path, room: int, mode: str = "xb") -> None:
        self._file: Any = path.open(mode, buffering=0)
        self.room = room

    def write(self, content: bytes) -> int:
        fits = content[: max(self.room, 0)]
        self._file.write(fits)
        self.room -= len(content)
        if len(fits) < len(content):
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
