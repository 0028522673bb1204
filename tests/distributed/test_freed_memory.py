"""What a process frees it keeps, and takes again without the kernel."""

import subprocess
import sys

import pytest

from flan_jax.distributed.freed_memory import keep_freed_memory

FAULTS = """
import ctypes, resource, sys, threading
from flan_jax.distributed.freed_memory import keep_freed_memory

asked = keep_freed_memory({}) if 'keep' in sys.argv else False
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def block(size):
    address = libc.malloc(size)
    ctypes.memset(address, 1, size)
    libc.free(address)

def work():
    block(1 << 26)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    block(1 << 26)
    print(int(asked), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

thread = threading.Thread(target=work)  # as XLA's are
thread.start()
thread.join()
"""


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='asks the C library of Linux')
def test_memory_taken_again_is_there():
    ask = lambda *args: [  # noqa: E731
        int(word) for word in subprocess.check_output([sys.executable, '-c', FAULTS, *args], text=True).split()
    ]
    asked, kept = ask('keep')
    _, given_back = ask()
    if not asked:
        pytest.skip('not the GNU C library')
    pages = (1 << 26) // 4096
    assert kept < pages / 100
    assert given_back > pages / 600  # huge pages are 512 times as large


def test_what_the_environment_says_stays():
    assert not keep_freed_memory({'MALLOC_ARENA_MAX': '2'})
    assert not keep_freed_memory({'GLIBC_TUNABLES': 'glibc.malloc.hugetlb=1'})
