"""Batches of rollouts: a prompt and its answers are a tree in a sequence of their own, every token with what is known.

Shape letters: B sequences, P predicted tokens, T tokens of one answer.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from flan_jax.objectives.ppo import ADVANTAGES, OLD_LOG_PROBS, OLD_VALUES, REFERENCE_LOG_PROBS, RETURNS, Ppo
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.rollouts.advantages import advantages, token_rewards, whitened
from flan_jax.rollouts.rollout import Rollout


@dataclasses.dataclass(frozen=True)
class Seen:
    """What models say of the tokens of a batch, float32 [B, P] each.

    Attributes:
      log_probs: by the model that drew them.
      values: its value head's, of what stands before each token.
      reference_log_probs: by the model that learning began with.
    """

    log_probs: np.ndarray
    values: np.ndarray
    reference_log_probs: np.ndarray


def lay_out_rollouts(rollouts: Sequence[Rollout], shape: Shape) -> list[dict[str, np.ndarray]]:
    """Batches of B rollouts each, in order, as an objective reads them; values are asked for at every token."""
    batches = []
    for start in range(0, len(rollouts), shape.batch_size):
        batch = lay_out([[rollout.example] for rollout in rollouts[start : start + shape.batch_size]], shape)
        batch['cluster_ids'] = np.zeros_like(batch.pop('tasks'))
        batch['response_ends'] = batch['predict_at']  # the value of a token is that of what stands before it
        batches.append(batch)
    return batches


def with_advantages(
    ppo: Ppo, rollouts: Sequence[Rollout], batches: Sequence[Mapping[str, np.ndarray]], seen: Sequence[Seen]
) -> list[dict[str, np.ndarray]]:
    """The batches with all that the objective reads; rewards and advantages are whitened over all of them."""
    places = list(_places(rollouts, len(batches[0]['labels'])))
    rewards = [
        token_rewards(reward, seen[b].log_probs[at], seen[b].reference_log_probs[at], ppo.kl_reward)
        for b, at, reward in places
    ]
    if ppo.whiten_rewards:
        rewards = whitened(rewards, shift_mean=False)
    values = [seen[b].values[at] for b, at, _ in places]
    gained = [advantages(of, value, ppo.discount, ppo.trace) for of, value in zip(rewards, values)]
    columns = [
        {OLD_LOG_PROBS: one.log_probs, OLD_VALUES: one.values, REFERENCE_LOG_PROBS: one.reference_log_probs}
        | {name: np.zeros_like(one.values) for name in (ADVANTAGES, RETURNS)}
        for one in seen
    ]
    for (b, at, _), advantage, white, value in zip(places, gained, whitened(gained), values):
        columns[b][ADVANTAGES][at] = white
        columns[b][RETURNS][at] = advantage + value
    return [dict(batch) | of_tokens for batch, of_tokens in zip(batches, columns)]


def divergences(rollouts: Sequence[Rollout], seen: Sequence[Seen], batch_size: int) -> list[float]:
    """log p - log p_ref of each answer as it was drawn: its mean estimates the KL divergence from the reference."""
    return [
        float((seen[b].log_probs[at] - seen[b].reference_log_probs[at]).sum())
        for b, at, _ in _places(rollouts, batch_size)
    ]


def _places(rollouts: Sequence[Rollout], batch_size: int) -> Iterator[tuple[int, tuple[int, slice], float]]:
    """Where the tokens of each answer stand, as batch, row and slice, and its reward."""
    for index, rollout in enumerate(rollouts):
        start = 0
        for response, reward in zip(rollout.example.responses, rollout.rewards):
            yield index // batch_size, (index % batch_size, slice(start, start + len(response))), reward
            start += len(response)
