"""A mesh of virtual devices on one CPU: enough threads that none waits for another that cannot start."""

import os
import re
from collections.abc import MutableMapping

THREADS_PER_DEVICE = 8
"""Ours: collectives that one device can wait in at once, with room to spare."""

_COUNT = re.compile(r'--xla_force_host_platform_device_count=(\d+)')


def give_threads(environment: MutableMapping[str, str] = os.environ) -> None:
    """Widens XLA's pool of threads where the environment asks for virtual devices; JAX must not have been used before.

    A device blocks a thread in each collective that it waits in, and starts several at once. XLA's pool has a thread
    for each core or device, whichever are more: when all of them wait in different collectives, none can come, and
    after 40 s XLA aborts the process. XLA reads the size of the pool from NPROC; one that is set already stays.
    """
    counts = [*_COUNT.findall(environment.get('XLA_FLAGS', '')), environment.get('JAX_NUM_CPU_DEVICES', '')]
    devices = max((int(count) for count in counts if count.isdigit()), default=1)
    if devices > 1:
        environment.setdefault('NPROC', str(THREADS_PER_DEVICE * devices))
