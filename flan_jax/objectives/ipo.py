"""Identity preference optimisation (Azar et al. 2023)."""

import dataclasses

import jax

from flan_jax.objectives.objective import Batch, Predictions
from flan_jax.objectives.pairwise import ImplicitReward
from flan_jax.objectives.responses import lengths


@dataclasses.dataclass(frozen=True)
class Ipo(ImplicitReward):
    """(h - 1 / (2 beta))^2, where h is the difference of two log-ratios (equation 17, whose tau is beta).

    Attributes:
      per_token: whether log-ratios are divided by the number of tokens, as in TRL; the paper, and the code of Rafailov
        et al. 2023, use sums.
    """

    per_token: bool = False

    def ratings(self, predictions: Predictions, batch: Batch) -> jax.Array:
        summed_BxR = super().ratings(predictions, batch)
        return summed_BxR / lengths(batch) if self.per_token else summed_BxR

    def pair_loss(self, better: jax.Array, worse: jax.Array) -> jax.Array:
        return ((better - worse) / self.beta - 1 / (2 * self.beta)) ** 2
