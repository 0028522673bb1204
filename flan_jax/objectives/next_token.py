"""Maximum likelihood: the negative log-likelihood of the responses' tokens (FLAN, section 2.4)."""

import dataclasses
from collections.abc import Sequence

import jax

from flan_jax.objectives.objective import LOSS, Batch, Metrics, Objective, Predictions, by_cluster


@dataclasses.dataclass(frozen=True)
class NextToken(Objective):
    """Negative log-likelihood in nats per token: the weighted mean over all target tokens of the batch."""

    def denominator(self, batch: Batch) -> jax.Array:
        return batch['weights'].sum()

    def __call__(self, predictions: Predictions, batch: Batch, clusters: Sequence[str]) -> tuple[jax.Array, Metrics]:
        log_probs_BxP, weights = predictions.log_probs_BxP, batch['weights']
        metrics = by_cluster(LOSS, -log_probs_BxP, weights, batch['cluster_ids'], clusters)
        return -(log_probs_BxP * weights).sum(), metrics
