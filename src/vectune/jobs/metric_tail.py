"""Following metrics.jsonl while a run writes it: each line once, also when the log is taken back to a checkpoint."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson


class MetricTail:
    """What was added to the log at `path` since the last look.

    A run that is gone on with writes its log anew up to a checkpoint; the tail then begins at its first line again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode = 0
        self._offset = 0

    def read(self) -> list[dict[str, Any]]:
        """The new whole lines as objects, oldest first; a half line waits for the next look."""
        try:
            with self._path.open("rb") as file:
                self._find(file.fileno())
                file.seek(self._offset)
                content = file.read()
        except FileNotFoundError:
            return []
        whole = content.rfind(b"\n") + 1
        self._offset += whole
        return [orjson.loads(line) for line in content[:whole].splitlines() if line]

    def _find(self, number: int) -> None:
        """Begin anew when this is another file, or one that was cut."""
        found = os.fstat(number)
        if found.st_ino != self._inode or found.st_size < self._offset:
            self._inode, self._offset = found.st_ino, 0
