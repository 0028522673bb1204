"""Scores of sampled answers by a reward model."""

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
    """The reward of every answer, in the model's own prompt format; the answers to a question are one tree.

    Equal answers to a question are rated once, and have the very same reward, or rounding would tell them apart.

    Raises:
      UserError: for a model without a scalar head, or a question with an answer that is too long for it.
    """
    vocabulary, prompt_format = model.vocabulary, model.prompt_format

    def tokens(ids: Sequence[int]) -> np.ndarray:
        return np.array(ids, np.int32)

    distinct = [tuple(dict.fromkeys(answered.answers)) for answered in samples]
    examples = [
        Example(
            tokens(prompt_format.encode_question(vocabulary, answered.question.prompt, answered.context)),
            tuple(tokens(prompt_format.encode_response(vocabulary, answer)) for answer in answers),
        )
        for answered, answers in zip(samples, distinct)
    ]
    rated = RewardModel(model, batch_tokens).rewards(examples, progress)
    of_answers = [dict(zip(answers, found.tolist())) for answers, found in zip(distinct, rated)]
    return [[found[answer] for answer in answered.answers] for answered, found in zip(samples, of_answers)]
