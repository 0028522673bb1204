"""Sequence likelihood calibration with human feedback (Zhao et al. 2023, SLiC-HF)."""

import dataclasses
from typing import Annotated

import jax

from flan_jax.objectives.calibration import Calibration
from flan_jax.objectives.objective import Batch
from flan_jax.objectives.responses import pair_weights
from flan_jax.settings import AtLeast, Positive


@dataclasses.dataclass(frozen=True)
class Slic(Calibration):
    """max(0, margin - log p(better) + log p(worse)) - regularisation * log p(best).

    Log-probabilities are sums over tokens. The loss of an example is the mean over its pairs. The first version of the
    paper has learning rate 1e-5 and batch 32, the published one 1e-4 and 512 (section 3.2); both have margin 1.

    Attributes:
      margin: nats by which the better response must be likelier.
      regularisation: factor on the likelihood of the best response. The paper does not state it; 0.5 is our choice.
    """

    margin: Positive = 1.0
    regularisation: Annotated[float, AtLeast(0)] = 0.5

    @property
    def best_weight(self) -> float:
        return self.regularisation

    def scores(self, log_probs_BxR: jax.Array, lengths_BxR: jax.Array) -> jax.Array:
        return log_probs_BxR

    def rank_loss(self, margins_BxRxR: jax.Array, batch: Batch) -> jax.Array:
        return jax.nn.relu(self.margin - margins_BxRxR) * pair_weights(batch)
