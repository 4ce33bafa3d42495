"""What clearing up did, or would do: each thing that went, and what was left alone and why."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vectune.errors import StorageError

_LOG = logging.getLogger(__name__)
_NAMED = 10
_REMOVED = ".removed"


@dataclass(frozen=True)
class Gone:
    """One thing that was removed: a kind like `job folder`, its name, the bytes that it took."""

    kind: str
    name: str
    bytes: int


@dataclass
class Clearing:
    """The record of one time. `missing` is what the database has and the disk has not, which nothing can bring back;
    `left` are sentences about what could go but was not removed. With `dry_run` nothing is removed at all."""

    dry_run: bool = False
    force: bool = False
    gone: list[Gone] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Bytes that were freed."""
        return sum(each.bytes for each in self.gone)

    @property
    def counts(self) -> dict[str, int]:
        """Kind to number of things."""
        return dict(Counter(each.kind for each in self.gone))

    def take(self, kind: str, name: str, size: int, remove: Callable[[], object]) -> None:
        """Remove one thing, or only note it. What can't be removed is left, and said."""
        if not self.dry_run:
            try:
                remove()
            except (OSError, StorageError) as error:
                why = str(getattr(error, "strerror", None) or error).rstrip(".")
                self.left.append(f"The {kind} {name} could not be removed: {why}.")
                return
        self.gone.append(Gone(kind, name, size))

    def take_folder(self, kind: str, folder: Path) -> None:
        """Remove a folder with all that is in it."""
        self.take(kind, folder.name, _size(folder), lambda: _remove(folder))

    def may_take(self, kind: str, unknown: Sequence[object], known: int) -> bool:
        """Whether things that the database does not know may go.

        More of them than of those it knows speak for a wrong or a fresh database, not for leftovers: then only `force`
        removes them.
        """
        if len(unknown) <= known or self.force:
            return True
        self.left.append(
            f"{len(unknown)} of kind {kind} are not in the database, which knows {known} only: it may not be the one "
            "they belong to. `vectune gc --force` removes them."
        )
        return False

    def log(self) -> None:
        """Say in the log what was freed, and what somebody should look at."""
        _LOG.info(
            "cleared up: %d things, %d bytes", len(self.gone), self.bytes,
            extra={"removed": self.counts, "freed_bytes": self.bytes},
        )  # fmt: skip
        for sentence in self.left:
            _LOG.warning("%s", sentence)
        if self.missing:
            _LOG.warning("%d things of the database are not on the disk: %s", len(self.missing), self.missing[:_NAMED])

    def as_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "dry_run": self.dry_run,
            "freed_bytes": self.bytes,
            "removed": [{"kind": each.kind, "name": each.name, "bytes": each.bytes} for each in self.gone],
            "missing": self.missing,
            "left": self.left,
        }


def _remove(folder: Path) -> None:
    """Renamed first: nobody finds half a folder under its name."""
    if not folder.name.endswith(_REMOVED):
        aside = folder.with_name(f".{folder.name.lstrip('.')}{_REMOVED}")
        shutil.rmtree(aside, ignore_errors=True)
        folder = folder.rename(aside)
    shutil.rmtree(folder)


def _size(folder: Path) -> int:
    size = 0
    for file in folder.rglob("*"):
        try:
            size += file.lstat().st_size if file.is_file() else 0
        except OSError:  # it went away meanwhile
            continue
    return size
