"""The folder that a job is worked on in, held by one process at a time: the hold ends with the process, however it
ends."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_HOLDER = "worker"
_LOOK_SECONDS = 0.1
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
_log = logging.getLogger(__name__)


@contextmanager
def held(folder: Path, look: Callable[[], None], patience: float) -> Iterator[None]:
    """Hold `folder`, which is made if it is missing, for the length of the block.

    A worker can lose its lease and not know it yet: it was stopped for a while, or the clock was set. The one that the
    job went to waits here until the first has heard of it, and calls `look` meanwhile, which raises when there is
    nothing to wait for any more. A holder on this machine that has not let go after `patience` seconds hangs, and is
    ended. On a file system without locks the lease alone decides.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _HOLDER).open("a+", encoding="utf-8") as file:
        until = time.monotonic() + patience
        while not _taken(file):
            look()
            if time.monotonic() > until:
                _end_holder(file)
            time.sleep(_LOOK_SECONDS)
        file.truncate(0)
        file.write(f"{_machine()}\n{os.getpid()}\n")
        file.flush()
        yield


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        _log.warning("%s lies on a file system without locks", file.name)
    return True


def _end_holder(file: IO[str]) -> None:
    """Kill the process that holds the folder, if it runs on this machine and is not this one."""
    file.seek(0)
    machine, _, pid = file.read().strip().partition("\n")
    if machine == _machine() and pid.isdecimal() and int(pid) != os.getpid():
        _log.warning("the process %s has lost the job in %s and does not let go of it: it is ended", pid, file.name)
        with suppress(ProcessLookupError, PermissionError):
            os.kill(int(pid), signal.SIGKILL)


def _machine() -> str:
    """This machine, or this container on it: where a process id means one process."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - no path, a name
    except OSError:
        namespace = ""
    return f"{socket.gethostname()} {namespace}"
