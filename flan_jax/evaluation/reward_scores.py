"""Rewards of sampled answers by a reward model."""

from collections.abc import Callable, Sequence

import numpy as np

from flan_jax.evaluation.samples import Answered
from flan_jax.inference.loaded import LoadedModel
from flan_jax.inference.rewards import RewardModel
from flan_jax.packing.example import Example


def reward_scores(
    model: LoadedModel,
    samples: Sequence[Answered],
    batch_tokens: int,
    progress: Callable[[int], None] = lambda questions: None,
) -> list[list[float]]:
    """The reward of every answer, in the reward model's prompt format; the answers to a question are one tree.

    Raises:
      UserError: if the model has no value head, or question and answer are too long for it.
    """
    vocabulary, prompt_format = model.vocabulary, model.prompt_format

    def tokens(ids: Sequence[int]) -> np.ndarray:
        return np.array(ids, np.int32)

    examples = [
        Example(
            tokens(prompt_format.encode_question(vocabulary, answered.question.prompt, answered.context)),
            tuple(tokens(prompt_format.encode_response(vocabulary, answer)) for answer in answered.answers),
        )
        for answered in samples
    ]
    return [found.tolist() for found in RewardModel(model, batch_tokens).rewards(examples, progress)]
