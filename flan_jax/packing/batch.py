"""A batch whose examples are still known."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from flan_jax.packing.example import Example


@dataclasses.dataclass(frozen=True)
class PackedBatch:
    """Some sequences.

    Attributes:
      sequences: their examples.
      arrays: what `flan_jax.packing.layout.lay_out` makes of them; what they do not fill is padding.
    """

    sequences: list[list[Example]]
    arrays: Mapping[str, np.ndarray]
