"""A machine that has libtpu and no chip, such as the one that compiles for a pod: JAX goes to the CPU at once."""

import importlib.util
import os
import pathlib
from collections.abc import MutableMapping

_CHIPS = ('accel*', 'vfio/[0-9]*', 'nvidia*', 'kfd', 'dxg')
"""Device files of TPUs (v2 to v4, then v5 and later), NVIDIA's GPUs, AMD's, and either under WSL."""


def has_chips(devices: pathlib.Path = pathlib.Path('/dev')) -> bool:
    """Whether the machine has any accelerator."""
    return any(next(devices.glob(chip), None) for chip in _CHIPS)


def choose_cpu_without_chips(
    environment: MutableMapping[str, str] = os.environ, devices: pathlib.Path = pathlib.Path('/dev')
) -> None:
    """Sets JAX_PLATFORMS to cpu where libtpu would look in vain, and print errors; JAX must not have been used before.

    JAX would end on the CPU all the same. What is set already stays, and so does a machine with any accelerator.
    """
    if importlib.util.find_spec('libtpu') is None or has_chips(devices):
        return
    environment.setdefault('JAX_PLATFORMS', 'cpu')
