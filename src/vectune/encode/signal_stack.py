"""The stack on which a thread takes signals, kept as it was while a library runs that replaces it.

OpenVINO's CPU plugin gives the thread that opens it an alternate signal stack of the plugin's own, and on closing it
brings the one before back only where its own is still in place. With two of them open, closed in the order in which
they were opened, the thread is left with a stack whose memory is gone, and the next signal that Python handles (Ctrl-C,
SIGTERM) ends the process with a segmentation fault.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """Linux' stack_t; see sigaltstack(2)."""

    _fields_ = [("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]


@contextmanager
def signal_stack_kept() -> Iterator[None]:
    """This thread takes signals afterwards where it took them before; only on Linux, elsewhere nothing is changed.

    Where the kernel refuses (it wants more room once AMX is in use) the library's own stack stays, which is large
    enough.
    """
    if sys.platform != "linux":
        yield
        return
    sigaltstack = ctypes.CDLL(None).sigaltstack
    before = _Stack()
    sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        sigaltstack(ctypes.byref(before), None)
