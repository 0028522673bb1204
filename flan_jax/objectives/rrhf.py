"""Rank responses to align with human feedback (Yuan et al. 2023, RRHF)."""

import dataclasses
from typing import Annotated

import jax

from flan_jax.objectives.calibration import Calibration
from flan_jax.objectives.objective import Batch
from flan_jax.objectives.responses import pairs
from flan_jax.settings import AtLeast


@dataclasses.dataclass(frozen=True)
class Rrhf(Calibration):
    """The sum over pairs of max(0, p(worse) - p(better)), minus log p(best), where p is per token (section 3).

    The log-likelihood of the best response is summed over its tokens, as in the paper. The authors' code averages it
    over the padded row, and divides all candidates by that length as well, so that its p is not per token. They tune
    with learning rate 2e-5 and batch 64 for three epochs.

    Attributes:
      length_penalty: exponent of the length that a response's log-probability is divided by.
      rank_weight: factor on the sum over pairs (the code's rrhf_weight).
    """

    length_penalty: Annotated[float, AtLeast(0)] = 1.0
    rank_weight: Annotated[float, AtLeast(0)] = 1.0

    @property
    def best_weight(self) -> float:
        return 1.0

    def scores(self, log_probs_BxR: jax.Array, lengths_BxR: jax.Array) -> jax.Array:
        return log_probs_BxR / lengths_BxR**self.length_penalty

    def rank_loss(self, margins_BxRxR: jax.Array, batch: Batch) -> jax.Array:
        return self.rank_weight * jax.nn.relu(-margins_BxRxR) * pairs(batch)
