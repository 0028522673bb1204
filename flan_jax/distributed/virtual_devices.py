"""A mesh of CPU devices, virtual or of several processes: their collectives never wait for each other in a circle."""

import os
import re
from collections.abc import MutableMapping

from flan_jax.distributed.cpu_only import has_chips

THREADS_PER_DEVICE = 8
"""Ours: collectives that one device can wait in at once, with room to spare."""

SAME_ORDER = '--xla_cpu_enable_concurrency_optimized_scheduler=false'
"""XLA's flag that lets a CPU device run a program's collectives one after the other, as memory allows."""

_COUNT = re.compile(r'--xla_force_host_platform_device_count=(\d+)')


def prevent_deadlock(environment: MutableMapping[str, str] = os.environ) -> None:
    """Sets up XLA for a mesh of CPU devices where the environment asks for one; JAX must not have been used before.

    A device blocks a thread in each collective that it waits in, and starts several at once. Two things stop a run:
    - XLA's pool has a thread for each core or device, whichever are more. When all of them wait in different
      collectives, none can come. XLA reads the size of the pool from NPROC.
    - The scheduler that XLA prefers runs what does not depend on each other side by side, but few at a time. Devices
      that begin different collectives first then wait for each other.
    XLA aborts the process after 40 s of either. What the environment sets already stays.
    """
    counts = [*_COUNT.findall(environment.get('XLA_FLAGS', '')), environment.get('JAX_NUM_CPU_DEVICES', '')]
    devices = max((int(count) for count in counts if count.isdigit()), default=1)
    if devices > 1:
        environment.setdefault('NPROC', str(THREADS_PER_DEVICE * devices))
    flags, processes = environment.get('XLA_FLAGS', ''), environment.get('JAX_NUM_PROCESSES')
    if (devices > 1 or (processes and not has_chips())) and SAME_ORDER.partition('=')[0] not in flags:
        environment['XLA_FLAGS'] = f'{flags} {SAME_ORDER}'.strip()
