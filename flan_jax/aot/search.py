"""How a slice should share a training step: every mesh is compiled, and the fastest at the roofline that fits is first.

A mesh is tried with the settings that save the least memory first, for what saves memory costs time.
"""

import dataclasses
import math
from collections.abc import Callable, Collection, Iterator, Sequence

from flan_jax.aot.compile import Compiled, DoesNotFit

SAVINGS = (('dots', 1), ('full', 1), ('full', 2), ('full', 4), ('full', 8))
"""REMAT and Training.microbatches, from the least memory saved to the most."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """How devices share a step; the mesh has no data axis.

    Attributes:
      fsdp: devices among which sequences and weights are split.
      tensor: devices that share heads, feed-forward and vocabulary.
      remat: what the backward pass computes again.
      microbatches: parts in which a step's sequences are computed one after the other.
    """

    fsdp: int
    tensor: int
    remat: str
    microbatches: int


@dataclasses.dataclass(frozen=True)
class Tried:
    """A mesh with the least saving that fits it, or with the most that was tried where none does.

    Attributes:
      layout: what was compiled last.
      compiled: what came of it; None where it does not fit.
    """

    layout: Layout
    compiled: Compiled | None

    @property
    def seconds(self) -> float:
        """A step at the roofline; infinite where it does not fit."""
        return self.compiled.roofline.seconds if self.compiled else math.inf


def layouts(devices: int, batch_size: int, num_heads: int, tensors: Collection[int] = ()) -> list[list[Layout]]:
    """For each mesh that splits sequences and heads evenly its layouts, the least saving first.

    Args:
      devices: of the slice.
      batch_size: sequences of a step.
      num_heads: of the decoder.
      tensors: only meshes whose tensor axis has one of these sizes; empty for all.
    """
    meshes = [(fsdp, devices // fsdp) for fsdp in _divisors(devices) if num_heads % (devices // fsdp) == 0]
    meshes = [(fsdp, tensor) for fsdp, tensor in meshes if tensor in tensors or not tensors]
    ladders = [
        [Layout(*mesh, *saving) for saving in SAVINGS if not batch_size % (mesh[0] * saving[1])] for mesh in meshes
    ]
    return [ladder for ladder in ladders if ladder]


def search(ladders: Sequence[Sequence[Layout]], compile_layout: Callable[[Layout], Compiled]) -> list[Tried]:
    """Each mesh as it fits, the fastest first.

    Args:
      ladders: see `layouts`.
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
