"""Prevents deadlocks of collectives in a mesh of CPU devices, virtual or of several processes."""

import os
import re
from collections.abc import MutableMapping

from flan_jax.distributed.cpu_only import has_chips

THREADS_PER_DEVICE = 8
"""Threads for collectives that one device may wait in at the same time; our choice, with a margin."""

SAME_ORDER = '--xla_cpu_enable_concurrency_optimized_scheduler=false'
"""XLA's flag that makes CPU devices run a program's collectives in a fixed sequence."""

_COUNT = re.compile(r'--xla_force_host_platform_device_count=(\d+)')


def prevent_deadlock(environment: MutableMapping[str, str] = os.environ) -> None:
    """Configures XLA if the environment asks for several CPU devices; must be called before JAX is used.

    A device starts several collectives at once, and blocks a thread in each. There are two deadlocks:
    - XLA's pool has a thread per core or per device, whichever are more. If all of them wait in different collectives,
      no device can join any. XLA reads the size of the pool from NPROC.
    - XLA's default scheduler runs independent operations concurrently, but only a few at a time. Devices that start
      with different collectives wait for each other.
    XLA aborts the process after 40 s in either. Values that the environment sets already are kept.
    """
    counts = [*_COUNT.findall(environment.get('XLA_FLAGS', '')), environment.get('JAX_NUM_CPU_DEVICES', '')]
    devices = max((int(count) for count in counts if count.isdigit()), default=1)
    if devices > 1:
        environment.setdefault('NPROC', str(THREADS_PER_DEVICE * devices))
    flags, processes = environment.get('XLA_FLAGS', ''), environment.get('JAX_NUM_PROCESSES')
    if (devices > 1 or (processes and not has_chips())) and SAME_ORDER.partition('=')[0] not in flags:
        environment['XLA_FLAGS'] = f'{flags} {SAME_ORDER}'.strip()
