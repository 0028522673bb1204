"""A lower bound of a step's memory without compiling it: its arguments, and the residuals that its layers keep."""

import math
from collections.abc import Iterator
from typing import cast

import jax
from jax.extend.core import Jaxpr

from flan_jax.aot.roofline import inner_jaxprs


def least_memory(arguments, jaxpr: Jaxpr, devices: int) -> float:
    """Lower bound of a program's memory per device in bytes, if residuals are sharded over all devices.

    Args:
      arguments: the program's arguments, as shapes with their shardings.
      jaxpr: the program, traced for all devices together.
      devices: number of devices.
    """
    shards = sum(_shard_bytes(shape) for shape in jax.tree.leaves(arguments))
    return shards + max(_stacked_bytes(jaxpr), default=0) / devices


def _shard_bytes(shape: jax.ShapeDtypeStruct) -> int:
    return math.prod(shape.sharding.shard_shape(shape.shape)) * shape.dtype.itemsize


def _stacked_bytes(jaxpr: Jaxpr) -> Iterator[int]:
    """Bytes of the stacked outputs of every loop: in the forward pass, the residuals for the backward pass."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == 'scan':
            stacked = equation.outvars[equation.params['num_carry'] :]
            shapes = (cast(jax.core.ShapedArray, variable.aval) for variable in stacked)
            yield sum(shape.size * shape.dtype.itemsize for shape in shapes)
        for inner in inner_jaxprs(equation.params):
            yield from _stacked_bytes(inner)
