"""AdamW (Loshchilov & Hutter 2019), as used by LIMA and Hewitt et al. (2024)."""

import dataclasses
from typing import Annotated

import optax

from flan_jax.settings import AtLeast, Between, Positive
from flan_jax.training.optimizers.optimizer import Optimizer
from flan_jax.tuning.tuning import Tuning


@dataclasses.dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay; it keeps two moments of every parameter.

    Attributes:
      b1: decay of the first moment.
      b2: decay of the second moment; 0.95 in LIMA.
      epsilon: added to the root of the second moment.
      clip_norm: gradients of a larger norm, over all parameters, are scaled down to it; None for no bound.
    """

    b1: Annotated[float, Between(0, 1)] = 0.9
    b2: Annotated[float, Between(0, 1)] = 0.999
    epsilon: Annotated[float, AtLeast(0)] = 1e-8
    clip_norm: Positive | None = None

    def transformation(
        self, learning_rate: optax.Schedule, weight_decay: float | None, tuning: Tuning
    ) -> optax.GradientTransformation:
        adamw = optax.adamw(learning_rate, self.b1, self.b2, self.epsilon, weight_decay=weight_decay or 0.0)
        return adamw if self.clip_norm is None else optax.chain(optax.clip_by_global_norm(self.clip_norm), adamw)
