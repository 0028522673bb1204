"""Keeps freed memory with the process on a CPU, because the next step allocates as much again."""

import ctypes
import os
import sys
from collections.abc import Mapping

_OPTIONS = {'M_ARENA_MAX': (-8, 1), 'M_MMAP_MAX': (-4, 0), 'M_TRIM_THRESHOLD': (-1, -1)}
"""Options of mallopt, by their numbers in glibc's malloc.h: a single heap, no mmap, and no memory returned (-1)."""


def keep_freed_memory(environment: Mapping[str, str] = os.environ) -> bool:
    """Makes glibc keep freed memory; must be called before threads start, since each may get a heap of its own.

    XLA allocates a step's intermediate results as one block and frees it at the end. By default glibc returns blocks
    over 32 MB to the kernel, which zeroes all of their pages in the next step: a tenth of a step's time
    (docs/performance.md). If MALLOC_... or GLIBC_TUNABLES are set, nothing is changed.

    Returns:
      Whether the options were set; they are not for other C libraries.
    """
    configured = any(name.startswith('MALLOC_') or name == 'GLIBC_TUNABLES' for name in environment)
    if configured or not sys.platform.startswith('linux'):
        return False
    libc = ctypes.CDLL(None)
    return hasattr(libc, 'gnu_get_libc_version') and all(libc.mallopt(*option) for option in _OPTIONS.values())
