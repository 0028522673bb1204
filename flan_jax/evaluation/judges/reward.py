"""A reward model as a judge: the answer with the higher reward is the better one."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar

from flan_jax.evaluation.judges.answers import Pair
from flan_jax.evaluation.judges.pairwise import PairwiseJudge, Verdict
from flan_jax.evaluation.reward_scores import reward_scores
from flan_jax.evaluation.samples import Answered, Question
from flan_jax.inference.loaded import LoadedModel


@dataclasses.dataclass(frozen=True)
class RewardJudge(PairwiseJudge):
    """Judges by the rewards of two answers, which are rated independently, so that there is only one order.

    Equal rewards are a tie. The evidence includes the margin, B's reward minus A's: by the model of Bradley and Terry
    (1952), which reward models are trained with, B is better with probability sigmoid(margin).

    Attributes:
      model: a model with a value head.
      batch_tokens: tokens in a batch.
      name: name of the judge in records.
      progress: called with the number of pairs that were just judged.
      orders: number of orders in which it sees a pair.
    """

    model: LoadedModel
    batch_tokens: int
    name: str
    progress: Callable[[int], None] = lambda pairs: None
    orders: ClassVar[int] = 1

    @property
    def recipe(self):
        return {'kind': 'reward', 'model': self.name}

    def verdicts(self, pairs: Sequence[Pair]) -> list[Verdict]:
        distinct = [tuple(dict.fromkeys((pair.answer_a, pair.answer_b))) for pair in pairs]
        trees = [Answered(Question(pair.prompt), answers, pair.context) for pair, answers in zip(pairs, distinct)]
        rewards = reward_scores(self.model, trees, self.batch_tokens, self.progress)
        return [verdict_of(pair, found[0], found[-1]) for pair, found in zip(pairs, rewards)]


def verdict_of(pair: Pair, reward_a: float, reward_b: float) -> Verdict:
    """The verdict from the rewards of two answers."""
    margin = reward_b - reward_a
    evidence = {'rewards': [reward_a, reward_b], 'margin': margin}
    return Verdict(pair, (0.5 if margin == 0 else float(margin > 0),), evidence)
