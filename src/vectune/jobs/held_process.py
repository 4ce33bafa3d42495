"""A process that another one asked for something: it reads what on stdin, and ends when stdin does, as that is held by
whoever asked."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import orjson

_STDIN = 0
_ORPHANED = 1


def asked() -> dict[str, Any]:
    """What is asked of this process, a line of JSON on stdin; from now on it ends when stdin does.

    Signals that end a whole group of processes are left to the one who asked.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    found: dict[str, Any] = orjson.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    return found


def _end_with_stdin() -> None:
    while os.read(_STDIN, 1):  # not through sys.stdin, which the end of the process would wait for
        pass
    os._exit(_ORPHANED)
