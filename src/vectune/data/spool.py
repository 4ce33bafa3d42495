"""Rows and left-out lines on disk, in the order they were read, for a second pass without a second parse."""

from __future__ import annotations

import marshal
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from vectune.records import Dropped, LabelledText, Pair, Row, ScoredPair

_MAKERS = (Dropped, Pair, ScoredPair, LabelledText)


class RowSpool:
    """Keeps blocks of rows in a temporary file of `folder`, which vanishes on `close`.

    The blocks are marshalled tuples: the file is ours alone and lives as long as this object, and marshal is several
    times faster than JSON or pickle here.
    """

    def __init__(self, folder: Path) -> None:
        self._file = TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the spool

    def add(self, items: Sequence[Row | Dropped]) -> None:
        """Keep one more block."""
        marshal.dump([_flat(item) for item in items], self._file)

    def __iter__(self) -> Iterator[Row | Dropped]:
        self._file.flush()
        end = self._file.seek(0, 2)
        self._file.seek(0)
        while self._file.tell() < end:
            for maker, *values in marshal.load(self._file):
                yield _MAKERS[maker](*values)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def _flat(item: Row | Dropped) -> tuple[Any, ...]:
    if isinstance(item, Pair):
        return (1, item.anchor, item.positives, item.negatives, item.row, item.scores)
    if isinstance(item, ScoredPair):
        return (2, item.first, item.second, item.score, item.row)
    if isinstance(item, LabelledText):
        return (3, item.text, item.label, item.row)
    return (0, item.row, item.reason, item.content)
