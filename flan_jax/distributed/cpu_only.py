"""Machines with libtpu but without a chip, such as one that compiles for a pod: JAX uses the CPU at once."""

import importlib.util
import os
import pathlib
from collections.abc import MutableMapping

_CHIPS = ('accel*', 'vfio/[0-9]*', 'nvidia*', 'kfd', 'dxg')
"""Device files of TPUs (v2 to v4; v5 and later), NVIDIA GPUs, AMD GPUs, and GPUs under WSL."""


def has_chips(devices: pathlib.Path = pathlib.Path('/dev')) -> bool:
    """Whether the machine has any accelerator."""
    return any(next(devices.glob(chip), None) for chip in _CHIPS)


def choose_cpu_without_chips(
    environment: MutableMapping[str, str] = os.environ, devices: pathlib.Path = pathlib.Path('/dev')
) -> None:
    """Sets JAX_PLATFORMS=cpu if libtpu would find no chip and print errors; must be called before JAX is used.

    JAX would choose the CPU in the end anyway. A value that is already set is kept.
    """
    if importlib.util.find_spec('libtpu') is None or has_chips(devices):
        return
    environment.setdefault('JAX_PLATFORMS', 'cpu')
