from __future__ import annotations

import ctypes
import platform
import subprocess
import sys

import pytest

from vectune.encode.allocator import keep_large_blocks


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the C library is not glibc (musl, macOS) nothing is loaded or set."""
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("it was touched"))
    assert keep_large_blocks() is False


def test_glibc_takes_the_settings() -> None:
    """Where there is glibc all settings are accepted, elsewhere nothing is done; tried in a process of its own."""
    program = "from vectune.encode.allocator import keep_large_blocks; print(keep_large_blocks())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == str(platform.libc_ver()[0] == "glibc")


_THREADS_TAKE_TURNS = """
import resource
from threading import Thread
from vectune.encode.allocator import keep_large_blocks

faults = []

def use():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block = bytearray(100 << 20)
    block[::4096] = bytes(len(block) // 4096)  # touches every page
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

kept = keep_large_blocks(one_arena=True)
for _ in range(3):
    thread = Thread(target=use)
    thread.start()
    thread.join()
print(*faults if kept else ())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_one_thread_takes_the_pages_that_another_has_left() -> None:
    """A large block costs page faults once in a process, whichever thread asks for it next."""
    done = subprocess.run(
        [sys.executable, "-c", _THREADS_TAKE_TURNS], capture_output=True, text=True, check=True, timeout=60
    )
    if not done.stdout.strip():
        pytest.skip("this glibc takes other thresholds")
    first, *later = map(int, done.stdout.split())
    assert first >= 50  # all pages, or as many huge ones
    assert max(later) < first / 4


_TOP_IS_FREED = """
import ctypes
from vectune.encode.allocator import keep_large_blocks

place = ctypes.CDLL(None).sbrk
place.restype = ctypes.c_void_p
kept = keep_large_blocks()
blocks = [bytearray(100 << 20) for _ in range(25)]  # never touched: they cost addresses alone
top = place(0)
blocks.clear()
print(kept, place(0) == top)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_more_than_two_gib_are_kept() -> None:
    """The heap does not shrink however much of it is free: a step's activations may be more than an int counts."""
    done = subprocess.run([sys.executable, "-c", _TOP_IS_FREED], capture_output=True, text=True, check=True, timeout=60)
    kept, same = done.stdout.split()
    if kept == "False":
        pytest.skip("this glibc takes other thresholds")
    assert same == "True"
