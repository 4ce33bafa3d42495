"""Following metrics.jsonl while a run writes it: each line once, also when the log is taken back to a checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import orjson


class MetricTail:
    """What was added to the log since the last look; it lies at the first of `places` that there is.

    A run that is done moves its log from one place to the next, which changes nothing in it. One that is gone on with
    writes its log anew up to a checkpoint; the tail then begins at its first line again.
    """

    def __init__(self, *places: Path) -> None:
        self._places = places
        self._inode = 0
        self._offset = 0

    def read(self) -> list[dict[str, Any]]:
        """The new whole lines as objects, oldest first; a half line waits for the next look."""
        file = self._open()
        if file is None:
            return []
        with file:
            self._find(file.fileno())
            file.seek(self._offset)
            content = file.read()
        whole = content.rfind(b"\n") + 1
        self._offset += whole
        return [entry for line in content[:whole].splitlines() if (entry := _entry(line)) is not None]

    def _open(self) -> BinaryIO | None:
        for path in self._places:
            try:
                return path.open("rb")
            except FileNotFoundError:
                continue
        return None

    def _find(self, number: int) -> None:
        """Begin anew when this is another file, or one that was cut."""
        found = os.fstat(number)
        if found.st_ino != self._inode or found.st_size < self._offset:
            self._inode, self._offset = found.st_ino, 0


def _entry(line: bytes) -> dict[str, Any] | None:
    """The object in a line; None for one that a crash left in pieces."""
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) else None
