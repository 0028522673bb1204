"""Batches of rollouts: a prompt with its answers is a tree, and trees are packed into sequences.

Every batch has the same number of prompts, but the number of sequences varies: the loss is a mean over tokens, so that
updates do not depend on the packing.

Shape letters: B sequences, P predicted tokens, T tokens of one answer.
"""

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np

from flan_jax.objectives.ppo import ADVANTAGES, OLD_LOG_PROBS, OLD_VALUES, REFERENCE_LOG_PROBS, RETURNS, Ppo
from flan_jax.packing.batch import PackedBatch
from flan_jax.packing.best_fit import pack
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.rollouts.advantages import advantages, token_rewards, whitened
from flan_jax.rollouts.rollout import Rollout


@dataclasses.dataclass(frozen=True)
class TokenOutputs:
    """Outputs of the models on the tokens of a batch, float32 [B, P] each.

    Attributes:
      log_probs: log-probabilities by the policy that sampled the tokens.
      values: its value head's estimates, from the tokens before each token.
      reference_log_probs: log-probabilities by the initial policy.
    """

    log_probs: np.ndarray
    values: np.ndarray
    reference_log_probs: np.ndarray


def lay_out_rollouts(rollouts: Sequence[Rollout], shape: Shape, multiple: int = 1) -> list[PackedBatch]:
    """Batches of B prompts each, in order, in an objective's format; values are computed at every token.

    Args:
      rollouts: the rollouts of a round.
      shape: shape of a batch with a sequence for each prompt. If fewer sequences suffice, the batch has fewer: a power
        of two times `multiple`, so that few shapes are compiled.
      multiple: a divisor of the number of sequences.
    """
    batches, prompts = [], shape.batch_size
    for start in range(0, len(rollouts), prompts):
        trees = [
            dataclasses.replace(rollout.example, annotations={_REWARD: rollout.rewards})
            for rollout in rollouts[start : start + prompts]
        ]
        packed = [sequence.examples() for sequence in pack(trees, shape.length, shape.predicted, prompts)]
        size = multiple * 2 ** math.ceil(math.log2(max(len(packed) / multiple, 1)))
        batch = lay_out(packed, dataclasses.replace(shape, batch_size=min(size, shape.batch_size)))
        batch['cluster_ids'] = np.zeros_like(batch.pop('tasks'))
        batch['response_ends'] = batch['predict_at']  # a token's value is predicted from the tokens before it
        batches.append(PackedBatch(packed, batch))
    return batches


_REWARD = 'reward'
"""Key of the annotation of answers while they are packed."""


def with_advantages(
    ppo: Ppo, batches: Sequence[PackedBatch], outputs: Sequence[TokenOutputs]
) -> list[dict[str, np.ndarray]]:
    """The batches with all columns of the objective; rewards and advantages are whitened over all batches."""
    places = list(_places(batches))
    rewards = [
        token_rewards(reward, outputs[b].log_probs[at], outputs[b].reference_log_probs[at], ppo.kl_reward)
        for b, at, reward in places
    ]
    if ppo.whiten_rewards:
        rewards = whitened(rewards, shift_mean=False)
    values = [outputs[b].values[at] for b, at, _ in places]
    gained = [advantages(of, value, ppo.discount, ppo.trace) for of, value in zip(rewards, values)]
    columns = [
        {OLD_LOG_PROBS: one.log_probs, OLD_VALUES: one.values, REFERENCE_LOG_PROBS: one.reference_log_probs}
        | {name: np.zeros_like(one.values) for name in (ADVANTAGES, RETURNS)}
        for one in outputs
    ]
    for (b, at, _), advantage, white, value in zip(places, gained, whitened(gained), values):
        columns[b][ADVANTAGES][at] = white
        columns[b][RETURNS][at] = advantage + value
    return [{**batch.arrays, **of_tokens} for batch, of_tokens in zip(batches, columns)]


def divergences(batches: Sequence[PackedBatch], outputs: Sequence[TokenOutputs]) -> list[float]:
    """log p - log p_ref of each sampled answer, whose mean estimates the KL divergence from the reference."""
    return [
        float((outputs[b].log_probs[at] - outputs[b].reference_log_probs[at]).sum()) for b, at, _ in _places(batches)
    ]


def _places(batches: Sequence[PackedBatch]) -> Iterator[tuple[int, tuple[int, slice], float]]:
    """For each answer the batch, row and slice of its tokens, and its reward."""
    for b, batch in enumerate(batches):
        for row, examples in enumerate(batch.sequences):
            start = 0
            for example in examples:
                for response, reward in zip(example.responses, example.annotations[_REWARD]):
                    yield b, (row, slice(start, start + len(response))), reward
                    start += len(response)
