"""Proximal policy optimisation: a model learns from rewards of its own answers.

Schulman et al. 2017 (arXiv 1707.06347), as applied to language models by Ouyang et al. 2022 (arXiv 2203.02155, section
3.5). `flan_jax.rollouts` samples the answers and computes rewards and advantages; this module is the loss of an update.

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
"""Columns of a batch of rollouts, float32 [B, P]: values of every token at the time it was sampled."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ppo(Objective):
    """The clipped objective, with a value head on the policy; defaults are TRL's PPOConfig, except for the temperature,
    which is 0.7 there.

    A token's loss is -min(r A, clip(r, 1 - c, 1 + c) A), where r is the ratio of its current probability to that at
    sampling time, plus the value loss: half the larger of (V - R)^2 and (clip(V, V_old - c_v, V_old + c_v) - R)^2.

    Attributes:
      questions: file of prompts, JSON lines with "prompt", and "completion" if the reward compares with a reference.
      reward: a scorer of `flan_jax.evaluation.scorers`, or the folder of a reward model.
      prompts: prompts of a round, each of which is answered `answers` times; a multiple of BATCH_SIZE.
      answers: answers to each prompt in a round. The prompt is computed once for all of them.
      max_new_tokens: maximal length of an answer, in tokens.
      temperature: sampling temperature. Probabilities and their ratios are those of sampling at this temperature.
      epochs: number of passes over a round's answers.
      kl_reward: coefficient of the KL penalty in the reward of every token, log p - log p_ref.
      kl_loss: coefficient of the KL penalty in the loss, by the estimator exp(d) - 1 - d with d = log p_ref - log p
        (Schulman 2020, "k3").
      whiten_rewards: whether rewards are divided by their standard deviation over a round.
      discount: gamma.
      trace: lambda of generalised advantage estimation.
      clip: c, the distance of a ratio from 1 beyond which it has no gradient.
      value_clip: c_v, the distance of a value from that at sampling time beyond which it has no gradient.
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
        """See `Objective`; but `predictions.values_BxR` holds a value for every predicted token, [B, P]."""
        weights, old = batch['weights'], batch[OLD_LOG_PROBS]
        log_probs = jnp.where(weights > 0, predictions.log_probs_BxP, old)  # ratio 1 for padding: it must not overflow
        ratios = jnp.exp(log_probs - old)
        policy = self.policy_loss(ratios, batch[ADVANTAGES])
        assert predictions.values_BxR is not None, 'needs_values'
        value = self.value_loss(predictions.values_BxR, batch[OLD_VALUES], batch[RETURNS])
        kl = divergence(log_probs, jnp.where(weights > 0, batch[REFERENCE_LOG_PROBS], old))
        loss = policy + self.value_weight * value + self.kl_loss * kl
        clipped = jnp.abs(ratios - 1) > self.clip
        by_token = {LOSS: loss, 'policy_loss': policy, 'value_loss': value, 'kl': kl}
        by_token |= {'clipped': clipped, 'ratio': ratios}
        metrics = {name: Metric((values * weights).sum(), weights.sum()) for name, values in by_token.items()}
        return (loss * weights).sum(), jax.lax.stop_gradient(metrics)

    def policy_loss(self, ratios: jax.Array, advantages: jax.Array) -> jax.Array:
        """The clipped surrogate loss of every token, in the arguments' shape (Schulman et al. 2017, equation 7)."""
        return -jnp.minimum(ratios * advantages, jnp.clip(ratios, 1 - self.clip, 1 + self.clip) * advantages)

    def value_loss(self, values: jax.Array, old_values: jax.Array, returns: jax.Array) -> jax.Array:
        """The clipped value loss of every token, in the shape of the arguments."""
        clipped = old_values + jnp.clip(values - old_values, -self.value_clip, self.value_clip)
        return 0.5 * jnp.maximum((values - returns) ** 2, (clipped - returns) ** 2)


def divergence(log_probs: jax.Array, reference_log_probs: jax.Array) -> jax.Array:
    """The "k3" estimate of the KL divergence from the reference at each sampled token, in nats; never negative."""
    difference = reference_log_probs - log_probs
    return jnp.exp(difference) - 1 - difference
