"""Memory that is freed on a CPU stays with the process: the next step takes as much again."""

import ctypes
import os
import sys
from collections.abc import Mapping

_OPTIONS = {'M_ARENA_MAX': (-8, 1), 'M_MMAP_MAX': (-4, 0), 'M_TRIM_THRESHOLD': (-1, -1)}
"""Numbers in glibc's malloc.h and values: one heap, all blocks in it, none of it given back (-1: whatever is free)."""


def keep_freed_memory(environment: Mapping[str, str] = os.environ) -> bool:
    """Asks glibc to keep what is freed; before threads start, for each may get a heap of its own.

    XLA takes the memory of a step's intermediate results in one block and frees it at the end. By default glibc gives
    blocks over 32 MB back to the kernel at once, which zeroes every page of them in the next step: a tenth of a step's
    time (docs/performance.md). A process that was told otherwise, by MALLOC_... or GLIBC_TUNABLES, is left alone.

    Returns:
      Whether it was asked: other C libraries are left as they are.
    """
    told = any(name.startswith('MALLOC_') or name == 'GLIBC_TUNABLES' for name in environment)
    if told or not sys.platform.startswith('linux'):
        return False
    libc = ctypes.CDLL(None)
    return hasattr(libc, 'gnu_get_libc_version') and all(libc.mallopt(*option) for option in _OPTIONS.values())
