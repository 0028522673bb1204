"""Proximal policy optimisation: a model learns from rewards of its own answers.

Schulman et al. 2017 (arXiv 1707.06347), as Ouyang et al. 2022 (arXiv 2203.02155, section 3.5) tune language models with
it. The answers and what is known of
them are made by `flan_jax.rollouts`; here is what an update makes of them.

Shape letters: B sequences, P predicted tokens.
"""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp

from flan_jax.objectives.objective import LOSS, Batch, Metric, Metrics, Objective, Predictions
from flan_jax.settings import AtLeast, Between, Count, Path, Positive, Text

OLD_LOG_PROBS, OLD_VALUES, REFERENCE_LOG_PROBS = 'old_log_probs', 'old_values', 'reference_log_probs'
ADVANTAGES, RETURNS = 'advantages', 'returns'
"""Columns of a batch of rollouts, float32 [B, P]: of every token when it was drawn."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ppo(Objective):
    """The clipped objective, with a value head on the model itself; defaults are those of TRL's PPOConfig, but for the
    temperature, which is 0.7 there.

    A token's loss is -min(r A, clip(r, 1 - c, 1 + c) A) with r the ratio of its probability now to that when it was
    drawn, plus the value head's: half the larger of (V - R)^2 and (clip(V, V_old - c_v, V_old + c_v) - R)^2.

    Attributes:
      questions: file of prompts, JSON lines with "prompt", and "completion" where the reward compares with a reference.
      reward: a scorer of `flan_jax.evaluation.scorers`, or the folder of a reward model.
      prompts: prompts of a round, of which each is answered `answers` times; a multiple of BATCH_SIZE.
      answers: answers to each prompt in a round. They share its computation.
      max_new_tokens: longest answer, in tokens.
      temperature: of sampling. Probabilities and their ratios are those of sampling at it.
      epochs: how often a round's answers are learned from.
      kl_reward: coefficient of the KL penalty in the reward of every token, log p - log p_ref.
      kl_loss: coefficient of the KL penalty in the loss, by the estimator exp(d) - 1 - d with d = log p_ref - log p
        (Schulman 2020, "k3").
      whiten_rewards: whether rewards are divided by their standard deviation over a round.
      discount: gamma.
      trace: lambda of generalised advantage estimation.
      clip: c, how far a ratio may be from 1 before it gives no more gradient.
      value_clip: c_v, how far a value may be from what it was.
      value_weight: weight of the value head's loss.
    """

    needs_values: ClassVar[bool] = True

    questions: Path | None = None
    reward: Text = 'fewer_words'
    prompts: Count = 16
    answers: Count = 4
    max_new_tokens: Count = 64
    temperature: Positive = 1.0
    epochs: Count = 4
    kl_reward: Annotated[float, AtLeast(0)] = 0.05
    kl_loss: Annotated[float, AtLeast(0)] = 0.0
    whiten_rewards: bool = False
    discount: Annotated[float, Between(0, 1)] = 1.0
    trace: Annotated[float, Between(0, 1)] = 0.95
    clip: Positive = 0.2
    value_clip: Positive = 0.2
    value_weight: Annotated[float, AtLeast(0)] = 0.1

    def denominator(self, batch: Batch) -> jax.Array:
        return batch['weights'].sum()

    def __call__(self, predictions: Predictions, batch: Batch, clusters: Sequence[str]) -> tuple[jax.Array, Metrics]:
        """As of every objective; `predictions.values_BxR` are those before every predicted token, [B, P]."""
        weights, old = batch['weights'], batch[OLD_LOG_PROBS]
        log_probs = jnp.where(weights > 0, predictions.log_probs_BxP, old)  # padding must not overflow
        ratios = jnp.exp(log_probs - old)
        policy = self.policy_loss(ratios, batch[ADVANTAGES])
        assert predictions.values_BxR is not None, 'needs_values'
        value = self.value_loss(predictions.values_BxR, batch[OLD_VALUES], batch[RETURNS])
        kl = divergence(log_probs, jnp.where(weights > 0, batch[REFERENCE_LOG_PROBS], old))
        loss = policy + self.value_weight * value + self.kl_loss * kl
        clipped = jnp.abs(ratios - 1) > self.clip
        seen = {LOSS: loss, 'policy_loss': policy, 'value_loss': value, 'kl': kl, 'clipped': clipped, 'ratio': ratios}
        metrics = {name: Metric((values * weights).sum(), weights.sum()) for name, values in seen.items()}
        return (loss * weights).sum(), jax.lax.stop_gradient(metrics)

    def policy_loss(self, ratios: jax.Array, advantages: jax.Array) -> jax.Array:
        """Of every token, in the shape of the arguments."""
        return -jnp.minimum(ratios * advantages, jnp.clip(ratios, 1 - self.clip, 1 + self.clip) * advantages)

    def value_loss(self, values: jax.Array, old_values: jax.Array, returns: jax.Array) -> jax.Array:
        """Of every token, in the shape of the arguments."""
        near = old_values + jnp.clip(values - old_values, -self.value_clip, self.value_clip)
        return 0.5 * jnp.maximum((values - returns) ** 2, (near - returns) ** 2)


def divergence(log_probs: jax.Array, reference_log_probs: jax.Array) -> jax.Array:
    """An estimate of the KL divergence from the reference at each token that was drawn; never negative."""
    difference = reference_log_probs - log_probs
    return jnp.exp(difference) - 1 - difference
