"""Graphs that are being written, and what is left of those whose process was ended before."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from vectune.store.atomic import PARTIAL
from vectune.store.cache_folder import cache_folder

GRAPHS = "graphs"


@contextmanager
def graph_aside(kept: Path) -> Iterator[Path]:
    """A new folder beside `kept`, for what is to have that name; it is removed at the end unless it has another then.

    While the block lasts this process holds a lock on it, which ends with the process, however that ends.
    """
    kept.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _held(kept.parent, waits=True):  # or it could be cleared away before it is held
            aside = Path(tempfile.mkdtemp(prefix=f".{kept.name}.", suffix=PARTIAL, dir=kept.parent))
            stack.enter_context(_held(aside, waits=False))
        stack.callback(shutil.rmtree, aside, ignore_errors=True)
        yield aside


def clear_unfinished() -> None:
    """Remove the graphs in vectune's cache that were begun, and that no process writes any more.

    Where the file system has no locks they all stay: what is old goes with `vectune gc`.
    """
    root = cache_folder() / GRAPHS
    with _held(root, waits=True) as alone:
        for folder in root.glob(f".*{PARTIAL}") if alone else ():
            with _held(folder, waits=False) as left:
                if left:
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path, *, waits: bool) -> Iterator[bool]:
    """Whether this process has the lock on `folder`, for as long as the block lasts."""
    if sys.platform == "win32":  # no locks on folders
        yield False
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        yield False
        return
    try:
        yield _locked(handle, waits)
    finally:
        os.close(handle)


def _locked(handle: int, waits: bool) -> bool:
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
