"""The interface of optimizers."""

import abc
import dataclasses

import optax

from flan_jax.settings import Settings
from flan_jax.tuning.tuning import Tuning


@dataclasses.dataclass(frozen=True)
class Optimizer(Settings, abc.ABC):
    """How gradients become updates; its fields are its settings."""

    @abc.abstractmethod
    def transformation(
        self, learning_rate: optax.Schedule, weight_decay: float | None, tuning: Tuning
    ) -> optax.GradientTransformation:
        """The optimizer in Optax.

        Args:
          learning_rate: learning rate by step.
          weight_decay: rate of decay, see `Training.weight_decay`; None for none.
          tuning: which parameters are trained, and what the optimizer may assume about them.
        """
