"""A batch together with the examples that it was made from."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from flan_jax.packing.example import Example


@dataclasses.dataclass(frozen=True)
class PackedBatch:
    """Packed sequences, as examples and as arrays.

    Attributes:
      sequences: the examples of each sequence.
      arrays: the columns of `flan_jax.packing.layout.lay_out`, padded to the batch size.
    """

    sequences: list[list[Example]]
    arrays: Mapping[str, np.ndarray]
