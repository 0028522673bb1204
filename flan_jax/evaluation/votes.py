"""Majority votes over several answers to each question: maj1@k and pass@k."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from flan_jax.evaluation.samples import Answered, SamplesError
from flan_jax.metrics.bootstrap import mean_interval
from flan_jax.metrics.repeated import majority_at, pass_at
from flan_jax.metrics.solutions import final_answer, same_answer


@dataclasses.dataclass(frozen=True)
class Vote:
    """Results with k answers to each question, in per cent of the questions.

    Attributes:
      k: number of answers that vote.
      majority: questions whose majority answer is correct, averaged over all groups of k consecutive answers.
      interval: 95 % confidence interval of `majority`, by resampling questions.
      passed: questions with at least one correct answer among k.
    """

    k: int
    majority: float
    interval: tuple[float, float]
    passed: float


def votes(samples: Sequence[Answered]) -> list[Vote]:
    """The votes of 1, 2, 4, ... answers, and of all.

    Raises:
      SamplesError: if questions have unequal numbers of answers, or a reference without a final answer.
    """
    counts = {len(answered.answers) for answered in samples}
    if len(counts) != 1:
        raise SamplesError(
            f'questions have {min(counts)} to {max(counts)} answers; unite folders of the same questions'
        )
    expected = [final_answer(answered.question.reference) for answered in samples]
    if None in expected:
        raise SamplesError('not every question has a reference with an answer after "####", so votes cannot be judged')
    answers = [[final_answer(answer) for answer in answered.answers] for answered in samples]
    right_QxN = np.array([[same_answer(a, gold) for a in given] for given, gold in zip(answers, expected)])
    (most,) = counts
    return [_vote(k, answers, expected, right_QxN) for k in _sizes(most)]


def _vote(k: int, answers, expected, right_QxN: np.ndarray) -> Vote:
    won = [
        np.mean([same_answer(choice, gold) for choice in majority_at(given, k)])
        for given, gold in zip(answers, expected)
    ]
    low, high = mean_interval(np.array(won))
    return Vote(k, 100 * float(np.mean(won)), (100 * low, 100 * high), 100 * float(pass_at(right_QxN, k).mean()))


def _sizes(most: int) -> list[int]:
    """1, 2, 4, ... and `most`."""
    return sorted({2**power for power in range(most.bit_length()) if 2**power <= most} | {most})
