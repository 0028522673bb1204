"""Searches the mesh for a training step on a slice: compiles every mesh, and sorts those that fit by roofline time.

For each mesh, settings of remat and microbatches are tried from the fastest to the one that saves the most memory.
"""

import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Sequence

from flan_jax.aot.compile import Compiled, DoesNotFit

SAVINGS = (('dots', 1), ('full', 1), ('full', 2), ('full', 4), ('full', 8))
"""REMAT and Training.microbatches, from the least memory saved to the most."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """A mesh without data axis, with settings that save memory.

    Attributes:
      fsdp: size of the axis over which sequences and weights are sharded.
      tensor: size of the axis over which heads, feed-forward and vocabulary are sharded.
      remat: which activations the backward pass recomputes.
      microbatches: number of parts of a batch that are computed one after the other.
    """

    fsdp: int
    tensor: int
    remat: str
    microbatches: int


@dataclasses.dataclass(frozen=True)
class Tried:
    """The first layout of a mesh that fits, or the last one if none fits.

    Attributes:
      layout: the layout that was compiled last.
      compiled: the compiled program; None if it does not fit.
    """

    layout: Layout
    compiled: Compiled | None

    @property
    def seconds(self) -> float:
        """Roofline time of a step; infinite if it does not fit."""
        return self.compiled.roofline.seconds if self.compiled else math.inf


def layouts(devices: int, batch_size: int, num_heads: int, tensors: Collection[int] = ()) -> list[list[Layout]]:
    """For each mesh that divides sequences and heads evenly its layouts, from the fastest to the smallest.

    Args:
      devices: number of devices of the slice.
      batch_size: sequences of a step.
      num_heads: number of heads of the decoder.
      tensors: only meshes whose tensor axis has one of these sizes; empty for all.
    """
    meshes = [(fsdp, devices // fsdp) for fsdp in _divisors(devices) if num_heads % (devices // fsdp) == 0]
    meshes = [(fsdp, tensor) for fsdp, tensor in meshes if tensor in tensors or not tensors]
    ladders = [
        [Layout(*mesh, *saving) for saving in SAVINGS if not batch_size % (mesh[0] * saving[1])] for mesh in meshes
    ]
    return [ladder for ladder in ladders if ladder]


def search(ladders: Sequence[Sequence[Layout]], compile_layout: Callable[[Layout], Compiled]) -> list[Tried]:
    """The first layout of each mesh that fits, sorted by roofline time.

    Args:
      ladders: for each mesh its layouts, from `layouts`.
      compile_layout: compiles the step; raises DoesNotFit.
    """
    return sorted((_first_fit(ladder, compile_layout) for ladder in ladders), key=lambda tried: tried.seconds)


def _first_fit(ladder: Sequence[Layout], compile_layout: Callable[[Layout], Compiled]) -> Tried:
    for layout in ladder:
        try:
            return Tried(layout, compile_layout(layout))
        except DoesNotFit:
            continue
    return Tried(ladder[-1], None)


def _divisors(number: int) -> Iterator[int]:
    return (divisor for divisor in range(1, number + 1) if number % divisor == 0)
