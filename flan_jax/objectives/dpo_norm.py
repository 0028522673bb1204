"""Direct preference optimisation with log-ratios per token, so that rewards do not grow with length."""

import dataclasses

import jax

from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.objective import Batch, Predictions
from flan_jax.objectives.responses import lengths
from flan_jax.settings import Positive


@dataclasses.dataclass(frozen=True)
class DpoNorm(Dpo):
    """`Dpo` on log-ratios divided by the number of tokens (Lambert et al. 2024, Tulu 3).

    Tulu 3 has beta 5, learning rate 5e-7 and batch 128. The metric 'log_ratio' is in nats per token.
    """

    beta: Positive = 5.0

    def ratings(self, predictions: Predictions, batch: Batch) -> jax.Array:
        return super().ratings(predictions, batch) / lengths(batch)
