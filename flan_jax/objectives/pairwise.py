"""Objectives that give every response a reward and compare rewards two by two.

Every pair of an example's responses is compared, and an example weighs 1 however many pairs it has (Ouyang et al. 2022,
section 3.5). Of two responses, one of them preferred, this is the loss of one pair.
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

    Its metrics are means over pairs, weighted likewise: 'accuracy', how often the better response has the higher
    reward; 'margin', by how much; 'chosen_reward' and 'rejected_reward', those of the better and the worse response.
    """

    @abc.abstractmethod
    def pair_loss(self, better: jax.Array, worse: jax.Array) -> jax.Array:
        """The loss of pairs with these rewards, whose shapes broadcast."""

    def denominator(self, batch: Batch) -> jax.Array:
        """The number of examples with at least one pair; 1 where all are ties, whose loss is 0 then."""
        return jnp.maximum(pair_weights(batch).sum(), 1.0)

    def __call__(self, predictions: Predictions, batch: Batch, clusters: Sequence[str]) -> tuple[jax.Array, Metrics]:
        rewards_BxR, weights_BxRxR = self.ratings(predictions, batch), pair_weights(batch)
        better, worse = rewards_BxR[:, :, None], rewards_BxR[:, None, :]
        losses_BxRxR = self.pair_loss(better, worse)
        seen = {LOSS: losses_BxRxR} | self.seen(better, worse)
        return (losses_BxRxR * weights_BxRxR).sum(), pair_metrics(seen, weights_BxRxR, batch, clusters)

    def seen(self, better: jax.Array, worse: jax.Array) -> dict[str, jax.Array]:
        """What is told of pairs with these rewards besides their loss."""
        return {
            'accuracy': better > worse,
            'margin': better - worse,
            'chosen_reward': better,
            'rejected_reward': worse,
        }


@dataclasses.dataclass(frozen=True)
class ImplicitReward(Pairwise):
    """The reward is how much likelier a response has become than under the reference model (Rafailov et al. 2023).

    Its metric 'log_ratio' is that in nats, a mean over the responses of pairs: how far the model has moved.

    Attributes:
      beta: factor on the log-ratio that makes it a reward; the larger, the nearer the model stays to the reference.
      reference: folder of the checkpoint of the reference model; None for the one that training starts from.
    """

    beta: Positive = 0.1
    reference: Path | None = None

    needs_reference: ClassVar[bool] = True

    def ratings(self, predictions: Predictions, batch: Batch) -> jax.Array:
        return self.beta * (sums(predictions.log_probs_BxP, batch) - batch[REFERENCE])

    def seen(self, better: jax.Array, worse: jax.Array) -> dict[str, jax.Array]:
        return super().seen(better, worse) | {'log_ratio': (better + worse) / (2 * self.beta)}
