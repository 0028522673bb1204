"""Several models' answers to the same prompts, rated by one reward model."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from flan_jax.data.instruction_files.conversation import Conversation
from flan_jax.errors import UserError
from flan_jax.evaluation.judges.answers import Pair, paired
from flan_jax.evaluation.judges.pairwise import Verdict, comparisons, win_rate_interval
from flan_jax.evaluation.judges.reward import verdict_of
from flan_jax.evaluation.reward_scores import reward_scores
from flan_jax.evaluation.samples import Answered, Question
from flan_jax.inference.loaded import LoadedModel
from flan_jax.metrics import bootstrap


@dataclasses.dataclass(frozen=True)
class RatedSet:
    """A model's answers and their rewards.

    Attributes:
      name: name of the model.
      answers: the answer to each prompt.
      rewards: rewards of the answers, in their order, [E].
    """

    name: str
    answers: Mapping[str, str]
    rewards: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the mean reward."""
        return bootstrap.mean_interval(self.rewards)

    def records(self) -> Iterator[dict]:
        """A record of each answer, for a file of JSON lines."""
        for (prompt, answer), reward in zip(self.answers.items(), self.rewards):
            yield {'set': self.name, 'prompt': prompt, 'answer': answer, 'reward': float(reward)}


def rated(
    model: LoadedModel,
    sets: Mapping[str, Mapping[str, str]],
    batch_tokens: int,
    progress: Callable[[int], None] = lambda prompts: None,
) -> list[RatedSet]:
    """The rewards of several sets of answers; all answers to a prompt are one tree.

    Args:
      model: a reward model.
      sets: the answer to each prompt, by name of the model; prompts must be the same in all sets.
      batch_tokens: tokens in a batch.
      progress: called with the number of prompts that were just rated.

    Raises:
      UserError: if sets have different prompts, the model has no value head, or an answer is too long.
    """
    first, *others = sets.values()
    for other in others:
        paired(first, other)
    trees = [Answered(Question(prompt), tuple(answers[prompt] for answers in sets.values())) for prompt in first]
    rewards_ExS = np.array(reward_scores(model, trees, batch_tokens, progress))
    ordered = [{prompt: answers[prompt] for prompt in first} for answers in sets.values()]
    return [RatedSet(name, answers, rewards_ExS[:, i]) for i, (name, answers) in enumerate(zip(sets, ordered))]


def win_rate(ours: RatedSet, baseline: RatedSet) -> tuple[float, tuple[float, float]]:
    """How often `ours` has the higher reward, in per cent, with ties as half; and the 95 % confidence interval."""
    verdicts = [
        verdict_of(Pair(prompt, before, answer), float(low), float(high))
        for (prompt, before), low, answer, high in zip(
            baseline.answers.items(), baseline.rewards, ours.answers.values(), ours.rewards
        )
    ]
    return comparisons(verdicts).win_rate, win_rate_interval(verdicts)


def preferred_pairs(path: pathlib.Path, format_name: str) -> tuple[list[Verdict], int]:
    """Preferences of people or other judges as verdicts, and the number of rows without one.

    Texts are those that a reward model tuned on the file has read: without blanks around, an input after its
    instruction.

    Args:
      path: a file of preferences.
      format_name: 'preference' or 'ranked', as in `data prepare`; ranked answers give all of their pairs.

    Returns:
      The verdicts, with the better answer second, and the number of skipped rows, which have a system message or
      earlier turns.

    Raises:
      UserError: if the file cannot be read, or has no pair.
    """
    from flan_jax.data.example_files import read_file
    from flan_jax.data.instruction_files import format_called

    read, found, others = format_called(format_name).read, [], 0
    for where, row in read_file(path):
        dialogue = read(where, row)
        others += bool(dialogue.system or dialogue.history)
        if not (dialogue.system or dialogue.history):
            found += _pairs(dialogue)
    if not found:
        raise UserError(f'{path}: holds no pair of answers to a single question of which one is better')
    return found, others


def _pairs(asked: Conversation) -> list[Verdict]:
    texts = [text.strip() for text in (asked.response, *asked.rejected)]
    ranked = sorted(zip(asked.scores, texts))
    return [
        Verdict(Pair(asked.question, worse, better, asked.input.strip()), (1.0,))
        for index, (high, better) in enumerate(ranked)
        for low, worse in ranked[:index]
        if low < high
    ]
