"""TPU slices that are not attached: libtpu describes their devices and compiles for them on any x86 Linux machine."""

import importlib.util
import os
import re

import jax
from jax.experimental import topologies

from flan_jax.errors import UnknownName, UserError

EXAMPLES = ('v3:8x8', 'v4:4x4x8', 'v5e:16x16', 'v5p:4x4x8', 'v6e:16x16')
"""A slice of each generation: chips along the axes of the torus, two axes for v3, v5e and v6e, three for v4 and v5p."""

_AXES = {'v3': 2, 'v4': 3, 'v5e': 2, 'v5p': 3, 'v6e': 2}
_MEGACORE = ('v4', 'v5p')  # the two cores of a chip are one device

_WITHOUT_TPU = {
    'TPU_SKIP_MDS_QUERY': '1',  # do not query the metadata server for the machine's type,
    'TPU_ACCELERATOR_TYPE': 'v4-8',  # which is given here instead
    'TPU_WORKER_HOSTNAMES': 'localhost',
    'ALLOW_MULTIPLE_LIBTPU_LOAD': '1',  # the lock file keeps processes from sharing chips; compiling uses none
}


class TopologyError(UserError):
    """A topology does not exist, or libtpu is not installed."""


def topology_devices(name: str) -> list[jax.Device]:
    """The devices of a slice such as 'v3:8x8'; programs can be compiled for them, not run on them.

    Raises:
      UnknownName: for an unknown generation.
      TopologyError: for a shape that does not exist, or if libtpu is missing.
    """
    generation, _, shape = name.partition(':')
    if generation not in _AXES:
        raise UnknownName('TPU generation', generation, _AXES)
    axes = _AXES[generation]
    if not re.fullmatch('x'.join([r'\d+'] * axes), shape):
        raise TopologyError(f'--topology={name}: {generation} has {axes} axes, such as {_example(generation)}')
    _require_libtpu()
    options = {'chip_config_name': 'megacore'} if generation in _MEGACORE else {}
    try:
        return topologies.get_topology_desc(name, 'tpu', **options).devices
    except jax.errors.JaxRuntimeError as error:
        raise TopologyError(f'--topology={name}: {error}; a valid topology is {_example(generation)}') from error


def _example(generation: str) -> str:
    return next(example for example in EXAMPLES if example.startswith(generation))


def _require_libtpu() -> None:
    """Raises TopologyError without libtpu; otherwise sets the environment that it needs on a machine without TPU."""
    if importlib.util.find_spec('libtpu') is None:
        raise TopologyError("libtpu is not installed; install it with pip install 'flan_jax[tpu]' (x86 Linux only)")
    for name, value in _WITHOUT_TPU.items():
        os.environ.setdefault(name, value)
