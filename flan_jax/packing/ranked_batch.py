"""A batch of rankings whose examples are still known."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from flan_jax.packing.example import Example


@dataclasses.dataclass(frozen=True)
class RankedBatch:
    """Some sequences of rankings.

    Attributes:
      sequences: their examples.
      arrays: the same as `PackedStream.batch` has them; fewer sequences than a batch are filled up with padding.
    """

    sequences: list[list[Example]]
    arrays: Mapping[str, np.ndarray]
