"""Objectives that rank the responses of a prompt: what all of them say of each response."""

import abc
import dataclasses
from typing import ClassVar

import jax

from flan_jax.objectives.objective import Batch, Objective, Predictions


@dataclasses.dataclass(frozen=True)
class Ranking(Objective):
    """Reads several responses of a prompt, and rates each.

    Attributes:
      of_probabilities: whether sigmoid of the difference of two ratings stands for the probability that one response is
        better than the other (Bradley & Terry 1952), so that it can be compared with how often it is.
    """

    ranked: ClassVar[bool] = True
    of_probabilities: ClassVar[bool] = False

    @abc.abstractmethod
    def ratings(self, predictions: Predictions, batch: Batch) -> jax.Array:
        """What responses are ranked by, the higher the better, float32 [B, R]."""
