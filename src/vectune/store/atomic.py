"""Writing that either happens wholly or not at all: aside first, flushed, then renamed (POSIX rename is atomic)."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol
from uuid import uuid4

from vectune.errors import StorageError

PARTIAL = ".partial"
"""How the name of everything ends that is being written; it also begins with a dot, so that nothing lists it."""

_CAUSES: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "Free some space, or write to another disk, and run the command again."),
    errno.EDQUOT: ("the disk quota is used up", "Free some of your space, or write to another disk, and run it again."),
    errno.EFBIG: ("the file is larger than allowed here", "Raise the file size limit (ulimit -f) or write elsewhere."),
    errno.EACCES: ("there is no permission", "Choose a folder that you may write to."),
    errno.EPERM: ("the operation is not permitted", "Choose a folder that you may write to."),
    errno.EROFS: ("the file system is read-only", "Choose a folder on a disk that can be written to."),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "Choose another path."),
    errno.EISDIR: ("a folder stands there", "Choose another path, or move the folder away."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name."),
    errno.ENOENT: ("the folder does not exist", "Make the folder first, or choose another path."),
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_RUST_ERRNO = re.compile(r"\(os error (\d+)\)")  # how safetensors and tokenizers tell the errno: in words only


class Opener(Protocol):
    """Opens the file that is written aside; a seam for tests that need a disk which fills up."""

    def __call__(self, path: Path) -> IO[bytes]:
        """A writable binary file at `path`, which does not exist yet."""


def _create(path: Path) -> IO[bytes]:
    return path.open("xb")


def storage_error(path: Path, error: OSError, verb: str = "written") -> StorageError:
    """`error` as a sentence about `path` with what to do about it."""
    cause, hint = _CAUSES.get(error.errno or 0, (error.strerror or str(error) or "the system refused", ""))
    return StorageError(f"{path} could not be {verb}: {cause}.", hint=hint)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, replacing what is there; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes, *, opener: Opener = _create) -> None:
    """Write `content` to `path`, replacing what is there; the folder must exist.

    Readers see the old file or the new one, never a part. Raises StorageError when the system refuses (disk full, no
    permission...); then the old file, if any, is as it was and nothing half-written stays.
    """
    with file_aside(path, opener=opener) as file:
        file.write(content)


@contextmanager
def file_aside(path: Path, *, opener: Opener = _create) -> Iterator[IO[bytes]]:
    """A new file beside `path`, which takes its place, flushed, when the block ends well; for what is written in parts.

    See `write_bytes`. Errors of the block other than the system's pass as they are.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.{uuid4().hex[:12]}{PARTIAL}")
    try:
        with opener(aside) as file:
            yield file
            file.flush()
            _sync(file)
        aside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


@contextmanager
def folder_aside(final: Path) -> Iterator[Path]:
    """A new folder `.NAME.partial` beside `final`, which becomes `final` when the block ends well.

    When the block fails, the folder is removed, whatever it holds; a leftover of an earlier crash is replaced. A full
    disk in the block becomes a StorageError; other errors pass as they are. Raises StorageError at once when `final`
    is already there with something in it.
    """
    final = Path(final)
    refuse_occupied(final)
    aside = final.with_name(f".{final.name}{PARTIAL}")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
    except OSError as error:
        raise storage_error(final, error, "made") from error
    try:
        yield aside
        keep(aside, final)
    except BaseException as error:
        shutil.rmtree(aside, ignore_errors=True)
        refusal = no_room(error)
        if refusal is not None:
            raise storage_error(final, refusal) from error
        raise


def refuse_occupied(final: Path) -> None:
    """Raise StorageError when something other than an empty folder stands at `final`."""
    try:
        occupied = os.path.lexists(final) and not (final.is_dir() and not any(final.iterdir()))
    except OSError as error:
        raise storage_error(final, error, "made") from error
    if occupied:
        raise StorageError(f"{final} is already there.", hint="Name another folder with --out, or move this one away.")


def keep(aside: Path, final: Path, *, unneeded: str | None = None) -> None:
    """Flush every file of `aside` to the disk and rename the folder to `final`; StorageError when it can't be.

    What lies under the name `unneeded` is removed afterwards: until the folder has its name, it is what a run that is
    killed goes on from.
    """
    passed_over = aside / unneeded if unneeded else None
    try:
        for file in sorted(aside.rglob("*")):
            if file.is_file() and not file.is_symlink() and passed_over not in file.parents:
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
        aside.rename(final)
        _sync_folder(final.parent)
    except OSError as error:
        raise storage_error(final, error) from error
    if unneeded:
        shutil.rmtree(final / unneeded, ignore_errors=True)


def no_room(error: BaseException) -> OSError | None:
    """The system's refusal behind `error`, if it is one that says the disk takes no more."""
    if isinstance(error, OSError):
        return error if error.errno in _NO_ROOM else None
    told = _RUST_ERRNO.search(str(error)) if isinstance(error, Exception) else None
    number = int(told.group(1)) if told else 0
    return OSError(number, os.strerror(number)) if number in _NO_ROOM else None


def _sync(file: IO[bytes]) -> None:
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last; file systems that can't sync a folder keep the rename anyway."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
