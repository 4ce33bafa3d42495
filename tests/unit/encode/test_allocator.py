from __future__ import annotations

import platform
import subprocess
import sys


def test_glibc_takes_the_settings() -> None:
    """Where there is glibc all settings are accepted, elsewhere nothing is done; tried in a process of its own."""
    program = "from vectune.encode.allocator import keep_large_blocks; print(keep_large_blocks())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == str(platform.libc_ver()[0] == "glibc")
