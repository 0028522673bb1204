"""The interface of objectives that rank the responses of a prompt."""

import abc
import dataclasses
from typing import ClassVar

import jax

from flan_jax.objectives.objective import Batch, Objective, Predictions


@dataclasses.dataclass(frozen=True)
class Ranking(Objective):
    """Learns from several responses per prompt, and rates each.

    Attributes:
      of_probabilities: whether the sigmoid of the difference of two ratings is the probability that one response is
        better than the other (Bradley & Terry 1952), so that its calibration can be measured.
    """

    ranked: ClassVar[bool] = True
    of_probabilities: ClassVar[bool] = False

    @abc.abstractmethod
    def ratings(self, predictions: Predictions, batch: Batch) -> jax.Array:
        """The rating of each response, the higher the better, float32 [B, R]."""
