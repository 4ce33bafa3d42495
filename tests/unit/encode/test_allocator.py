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
