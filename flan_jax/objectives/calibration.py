"""Objectives that rank responses by their log-probabilities and keep the best response likely, without a reference.

Losses are means over examples. Shape letters: B sequences, R responses.
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
    """A ranking loss over pairs of responses, plus the negative log-likelihood of each example's best response.

    Metrics over examples: 'rank_loss' and 'best_loss', the two terms of 'loss', the second without its factor. 'nll' is
    in nats per token of the best responses. Metrics over pairs: 'accuracy', how often the better response has the
    higher score; 'margin', the difference of the scores; 'chosen_score' and 'rejected_score'.
    """

    @abc.abstractmethod
    def scores(self, log_probs_BxR: jax.Array, lengths_BxR: jax.Array) -> jax.Array:
        """The scores that rank responses, [B, R], from their log-probabilities in nats and lengths in tokens."""

    def ratings(self, predictions: Predictions, batch: Batch) -> jax.Array:
        return self.scores(sums(predictions.log_probs_BxP, batch), lengths(batch))

    @abc.abstractmethod
    def rank_loss(self, margins_BxRxR: jax.Array, batch: Batch) -> jax.Array:
        """The loss of each pair, [B, R, R], with its weight in the sum over an example; 0 where there is no pair."""

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
        by_pair = {
            'accuracy': better > worse,
            'margin': better - worse,
            'chosen_score': better,
            'rejected_score': worse,
        }
        return losses_BxR.sum(), metrics | pair_metrics(by_pair, pair_weights(batch), batch, clusters)
