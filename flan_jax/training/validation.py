"""What validators of the training loop share: their interface, and the parts that they are made of."""

from collections.abc import Sequence
from typing import Protocol

import jax
import numpy as np

from flan_jax.model.decoder import Params
from flan_jax.objectives.objective import Metrics
from flan_jax.training.step import TrainState

VALIDATION_LOSS = 'validation_loss'
"""Name of the metric; that of a cluster or a soft prompt is 'validation_loss/NAME'."""


class Validator(Protocol):
    """Validates the model while it is trained.

    Attributes:
      all_stopped: whether no parameter is trained any more.
    """

    all_stopped: bool

    def is_due(self, done: int) -> bool:
        """Whether to validate after `done` updates."""

    def __call__(self, state: TrainState, frozen: Params) -> tuple[TrainState, dict[str, float]]:
        """The state to continue with, and scalars for the metrics log."""


def summed(batches: Sequence[Metrics]) -> dict[str, tuple[float, float]]:
    """Total and count of every metric over several batches, summed in float64 on the host."""
    return jax.tree.map(lambda *values: sum(np.asarray(value, float) for value in values), *batches)
