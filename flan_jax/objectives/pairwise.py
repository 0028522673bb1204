"""Objectives that give every response a reward and compare rewards in pairs.

All pairs of an example's responses are compared, and an example has weight 1 for any number of pairs (Ouyang et al.
2022, section 3.5). With one chosen and one rejected response, this is the usual loss of a single pair.
"""

import abc
import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp

from flan_jax.objectives.objective import LOSS, Batch, Metrics, Predictions
from flan_jax.objectives.ranking import Ranking
from flan_jax.objectives.responses import REFERENCE, pair_metrics, pair_weights, sums
from flan_jax.settings import Path, Positive


@dataclasses.dataclass(frozen=True)
class Pairwise(Ranking):
    """The mean over examples of the mean loss of their pairs.

    Metrics are averaged over pairs in the same way: 'accuracy', how often the better response has the higher reward;
    'margin', the difference of the rewards; 'chosen_reward' and 'rejected_reward', those of the better and the worse
    response.
    """

    @abc.abstractmethod
    def pair_loss(self, better: jax.Array, worse: jax.Array) -> jax.Array:
        """The loss of pairs with these rewards; shapes broadcast."""

    def denominator(self, batch: Batch) -> jax.Array:
        """The number of examples with at least one pair; 1 if all are ties, so that the loss is 0."""
        return jnp.maximum(pair_weights(batch).sum(), 1.0)

    def __call__(self, predictions: Predictions, batch: Batch, clusters: Sequence[str]) -> tuple[jax.Array, Metrics]:
        rewards_BxR, weights_BxRxR = self.ratings(predictions, batch), pair_weights(batch)
        better, worse = rewards_BxR[:, :, None], rewards_BxR[:, None, :]
        losses_BxRxR = self.pair_loss(better, worse)
        by_pair = {LOSS: losses_BxRxR} | self.metrics(better, worse)
        return (losses_BxRxR * weights_BxRxR).sum(), pair_metrics(by_pair, weights_BxRxR, batch, clusters)

    def metrics(self, better: jax.Array, worse: jax.Array) -> dict[str, jax.Array]:
        """Metrics of pairs with these rewards, in addition to their loss; shapes broadcast."""
        return {
            'accuracy': better > worse,
            'margin': better - worse,
            'chosen_reward': better,
            'rejected_reward': worse,
        }


@dataclasses.dataclass(frozen=True)
class ImplicitReward(Pairwise):
    """The reward is beta times the log-ratio of a response's likelihoods by model and reference (Rafailov et al. 2023).

    The metric 'log_ratio' is the mean log-ratio in nats over the responses of pairs: how far the model has moved.

    Attributes:
      beta: factor on the log-ratio; the larger, the closer the model stays to the reference.
      reference: checkpoint folder of the reference model; None for the model that training starts from.
    """

    beta: Positive = 0.1
    reference: Path | None = None

    needs_reference: ClassVar[bool] = True

    def ratings(self, predictions: Predictions, batch: Batch) -> jax.Array:
        return self.beta * (sums(predictions.log_probs_BxP, batch) - batch[REFERENCE])

    def metrics(self, better: jax.Array, worse: jax.Array) -> dict[str, jax.Array]:
        return super().metrics(better, worse) | {'log_ratio': (better + worse) / (2 * self.beta)}
