"""Objectives that rank responses by their own log-probabilities, and keep the best response likely. No reference model.

Both losses are means over examples. Shape letters: B sequences, R responses.
"""

import abc
import dataclasses
from collections.abc import Sequence

import jax

from flan_jax.objectives.objective import LOSS, Batch, Metric, Metrics, Predictions, summed_by_cluster
from flan_jax.objectives.ranking import Ranking
from flan_jax.objectives.responses import best, cluster_ids, lengths, pair_metrics, pair_weights, sums


@dataclasses.dataclass(frozen=True)
class Calibration(Ranking):
    """A loss of pairs of responses, and the likelihood of the best response of each example.

    Its metrics: 'rank_loss' and 'best_loss', the two parts of 'loss' for an example, 'best_loss' without its factor;
    'nll', nats per token of the best responses; and means over pairs: 'accuracy', how often the better response has the
    higher score by the model, 'margin', by how much, and 'chosen_score' and 'rejected_score'.
    """

    @abc.abstractmethod
    def scores(self, log_probs_BxR: jax.Array, lengths_BxR: jax.Array) -> jax.Array:
        """What ranks responses, [B, R], from their log-probabilities and lengths."""

    def ratings(self, predictions: Predictions, batch: Batch) -> jax.Array:
        return self.scores(sums(predictions.log_probs_BxP, batch), lengths(batch))

    @abc.abstractmethod
    def rank_loss(self, margins_BxRxR: jax.Array, batch: Batch) -> jax.Array:
        """The loss of each pair, [B, R, R], weighted as its sum over an example has it."""

    @property
    @abc.abstractmethod
    def best_weight(self) -> float:
        """Factor on the negative log-likelihood of the best response."""

    def denominator(self, batch: Batch) -> jax.Array:
        """The number of examples."""
        return best(batch).sum()

    def __call__(self, predictions: Predictions, batch: Batch, clusters: Sequence[str]) -> tuple[jax.Array, Metrics]:
        log_probs_BxR, lengths_BxR, best_BxR = sums(predictions.log_probs_BxP, batch), lengths(batch), best(batch)
        scores_BxR = self.ratings(predictions, batch)
        better, worse = scores_BxR[:, :, None], scores_BxR[:, None, :]
        ranks_BxR = self.rank_loss(better - worse, batch).sum(axis=2)
        nll_BxR = -log_probs_BxR * best_BxR
        losses_BxR, ids_BxR = ranks_BxR + self.best_weight * nll_BxR, cluster_ids(batch)
        metrics: Metrics = {}
        for name, totals in ((LOSS, losses_BxR), ('rank_loss', ranks_BxR), ('best_loss', nll_BxR)):
            metrics |= summed_by_cluster(name, totals, best_BxR, ids_BxR, clusters)
        metrics['nll'] = Metric(*jax.lax.stop_gradient((nll_BxR.sum(), (lengths_BxR * best_BxR).sum())))
        seen = {
            'accuracy': better > worse,
            'margin': better - worse,
            'chosen_score': better,
            'rejected_score': worse,
        }
        return losses_BxR.sum(), metrics | pair_metrics(seen, pair_weights(batch), batch, clusters)
