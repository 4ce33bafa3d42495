"""Signals are taken as before after OpenVINO was opened and closed in the middle of other work."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from vectune.encode.signal_stack import _Stack, signal_stack_kept

_PROGRAM = """
import gc, signal, sys
from pathlib import Path
from vectune.encode.backends.openvino import OpenvinoSession
from vectune.encode.export.manifest import read_manifest
signal.signal(signal.SIGTERM, lambda *_: print("taken"))
folder = Path(sys.argv[1])
first = OpenvinoSession(folder, read_manifest(folder), "fp32")
second = OpenvinoSession(folder, read_manifest(folder), "fp32")
del first
gc.collect()
del second
gc.collect()
signal.raise_signal(signal.SIGTERM)
"""


def test_a_signal_after_openvino_is_taken(exported: dict[str, Path]) -> None:
    """Two sessions closed in the order in which they were opened once left a stack without memory."""
    program = [sys.executable, "-c", _PROGRAM, str(exported["openvino"])]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "taken\n"), done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="stack_t is laid out otherwise elsewhere, where nothing is done")
@pytest.mark.parametrize("fails", [False, True])
def test_the_stack_comes_back(fails: bool) -> None:
    """Also after an error, the thread's stack is the one that it had."""
    library, memory, before = ctypes.CDLL(None), ctypes.create_string_buffer(2**17), _stack()
    try:
        with signal_stack_kept():
            library.sigaltstack(ctypes.byref(_Stack(ctypes.addressof(memory), 0, len(memory))), None)
            assert _stack()[0] == ctypes.addressof(memory)
            if fails:
                raise RuntimeError("halfway")
    except RuntimeError:
        assert fails
    assert _stack() == before


def _stack() -> tuple[int | None, int, int]:
    found = _Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    return found.address, found.flags, found.size
