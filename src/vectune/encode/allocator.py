"""glibc's allocator, told to keep large blocks.

By default glibc maps each block above 128 KiB freshly and gives it back on free, so that every large activation costs
page faults again; with the thresholds raised the same pages are reused. It also keeps an arena a thread, and gives the
memory of all but the first back. Other C libraries are left alone.
"""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGEST_INT = 2**31 - 1
_NEVER = -1  # the largest number would be 2 GiB, and a step's activations may be more
_TOP_PAD_BYTES = 64 * 2**20


def keep_large_blocks(*, one_arena: bool = False) -> bool:
    """Ask glibc to reuse freed blocks instead of returning them to the kernel; False where there is no glibc.

    With `one_arena` no further arena is made, so that the thread of a backward pass takes the pages that the forward
    pass has left. Arenas that are there already stay, and glibc may give them to new threads: the sooner it is asked,
    the better. Threads wait for each other while they allocate, which training does seldom.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    settings = [(_M_MMAP_THRESHOLD, _LARGEST_INT), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _TOP_PAD_BYTES)]
    if one_arena:
        settings.append((_M_ARENA_MAX, 1))
    accepted = [mallopt(option, value) == 1 for option, value in settings]
    return all(accepted)
