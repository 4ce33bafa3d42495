"""glibc's allocator, told to keep large blocks.

By default glibc maps each block above 128 KiB freshly and gives it back on free, so that every large activation costs
page faults again; with the thresholds raised the same pages are reused. Other C libraries are left alone.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_THRESHOLD = -3
_LARGEST_INT = 2**31 - 1
_TOP_PAD_BYTES = 64 * 2**20


def keep_large_blocks() -> bool:
    """Ask glibc to reuse freed blocks instead of returning them to the kernel; False where there is no glibc."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = ((_M_MMAP_THRESHOLD, _LARGEST_INT), (_M_TRIM_THRESHOLD, _LARGEST_INT), (_M_TOP_PAD, _TOP_PAD_BYTES))
    accepted = [mallopt(option, value) == 1 for option, value in settings]
    return all(accepted)
