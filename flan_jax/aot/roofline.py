"""The roofline of a step: arithmetic, memory and links, each at its peak and all at the same time.

The model of Williams et al. 2009, with a third roof for the links between devices.
"""

import dataclasses
import math
from collections.abc import Iterator
from typing import cast

from jax.extend.core import Jaxpr

from flan_jax.distributed.chips import Chip


@dataclasses.dataclass(frozen=True)
class Roofline:
    """Lower bounds in seconds of a step's time for arithmetic, memory and links."""

    arithmetic: float
    memory: float
    links: float

    @property
    def seconds(self) -> float:
        """Lower bound of the step's duration: the largest of the three."""
        return max(self.arithmetic, self.memory, self.links)


def roofline(chip: Chip, *, flops: float, memory_bytes: float, sent_bytes: float) -> Roofline:
    """The roofline of one device's share of a step."""
    links = sent_bytes / chip.link_bandwidth
    return Roofline(flops / chip.flops, memory_bytes / chip.hbm_bandwidth, links)


def product_flops(jaxpr: Jaxpr) -> float:
    """Floating-point operations of all matrix products in a program, two per multiply-add.

    The body of a loop counts once per iteration; XLA's own cost analysis counts it once.
    """
    return sum(_equation_flops(equation) for equation in jaxpr.eqns)


def _equation_flops(equation) -> float:
    if equation.primitive.name == 'dot_general':
        (contracted, _), _ = equation.params['dimension_numbers']
        left = equation.invars[0].aval.shape
        return 2 * math.prod(equation.outvars[0].aval.shape) * math.prod(left[axis] for axis in contracted)
    inner = sum(product_flops(jaxpr) for jaxpr in inner_jaxprs(equation.params))
    return inner * equation.params.get('length', 1) if equation.primitive.name == 'scan' else inner


def inner_jaxprs(params) -> Iterator[Jaxpr]:
    """The jaxprs among an equation's parameters: bodies of loops, branches, functions."""
    for value in params.values():
        for item in value if isinstance(value, (tuple, list)) else (value,):
            jaxpr = getattr(item, 'jaxpr', item)
            if hasattr(jaxpr, 'eqns'):
                yield cast(Jaxpr, jaxpr)
