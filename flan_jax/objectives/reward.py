"""Reward models: a scalar head learns which of two responses is preferred (Ouyang et al. 2022, section 3.5)."""

import dataclasses
from typing import Annotated, ClassVar

import jax

from flan_jax.objectives.objective import Batch, Predictions
from flan_jax.objectives.pairwise import Pairwise
from flan_jax.settings import AtLeast


@dataclasses.dataclass(frozen=True)
class Reward(Pairwise):
    """-log sigmoid(better - worse), averaged over the C(K, 2) pairs of K responses (equation 1).

    The loss does not change if a constant is added to all rewards; `centring` keeps them near 0.

    Attributes:
      margin: difference of the rewards at which the loss is ln 2 (Touvron et al. 2023, Llama 2, section 3.2.2, have a
        margin for each degree of preference).
      centring: factor on the square of the sum of two rewards (TRL suggests 0.01).
    """

    margin: Annotated[float, AtLeast(0)] = 0.0
    centring: Annotated[float, AtLeast(0)] = 0.0

    needs_values: ClassVar[bool] = True
    of_probabilities: ClassVar[bool] = True

    def ratings(self, predictions: Predictions, batch: Batch) -> jax.Array:
        assert predictions.values_BxR is not None, 'needs_values'
        return predictions.values_BxR

    def pair_loss(self, better: jax.Array, worse: jax.Array) -> jax.Array:
        return -jax.nn.log_sigmoid(better - worse - self.margin) + self.centring * (better + worse) ** 2
