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
      name: of the model.
      answers: the answer to each prompt.
      rewards: of the answers, in their order, [E].
    """

    name: str
    answers: Mapping[str, str]
    rewards: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the mean reward."""
        return bootstrap.mean_interval(self.rewards)

    def records(self) -> Iterator[dict]:
        """A line of a file for each answer."""
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
      sets: by name, the answer to each prompt, the same prompts everywhere.
      batch_tokens: tokens rated at a time.
      progress: told how many more prompts are rated.

    Raises:
      UserError: if sets have other prompts, for a model without a scalar head, or an answer that is too long.
    """
    first, *others = sets.values()
    for other in others:
        paired(first, other)
    trees = [Answered(Question(prompt), tuple(answers[prompt] for answers in sets.values())) for prompt in first]
    rewards_ExS = np.array(reward_scores(model, trees, batch_tokens, progress))
    ordered = [{prompt: answers[prompt] for prompt in first} for answers in sets.values()]
    return [RatedSet(name, answers, rewards_ExS[:, i]) for i, (name, answers) in enumerate(zip(sets, ordered))]


def win_rate(ours: RatedSet, baseline: RatedSet) -> tuple[float, tuple[float, float]]:
    """How often the one's answer has the higher reward, a tie being half, per cent, and its 95 % interval."""
    verdicts = [
        verdict_of(Pair(prompt, before, answer), float(low), float(high))
        for (prompt, before), low, answer, high in zip(
            baseline.answers.items(), baseline.rewards, ours.answers.values(), ours.rewards
        )
    ]
    return comparisons(verdicts).win_rate, win_rate_interval(verdicts)


def preferred_pairs(path: pathlib.Path, format_name: str) -> tuple[list[Verdict], int]:
    """Pairs of answers of which people or other judges said which is better, as verdicts, and how many rows fit none.

    Texts are those that a reward model tuned on the file has read: without blanks around, an input after its
    instruction.

    Args:
      path: a file of preferences.
      format_name: preference or ranked, as `data prepare` has it; of ranked answers all pairs are taken.

    Returns:
      The verdicts, the better answer second; rows with a system message or earlier turns are counted, not read.

    Raises:
      UserError: where the file cannot be read, or holds no pair.
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
        raise UserError(f'{path}: contains no single-turn question with two answers of which one is better')
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
