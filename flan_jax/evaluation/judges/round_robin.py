"""Round-robin comparison of several models on the same prompts by a pairwise judge."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from flan_jax.evaluation.judges.answers import Pair, paired
from flan_jax.evaluation.judges.pairwise import PairwiseJudge
from flan_jax.metrics import bootstrap


@dataclasses.dataclass(frozen=True)
class Standing:
    """The result of one model against all others.

    Attributes:
      name: name of the model.
      win_rate: mean win rate against the other models, in per cent; a tie counts half.
      interval: 95 % confidence interval, by resampling prompts.
      mean_length: mean length of its answers, in characters.
    """

    name: str
    win_rate: float
    interval: tuple[float, float]
    mean_length: float


def all_pairs(answers: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], list[Pair]]:
    """Pairs of answers for every two models.

    Raises:
      UserError: if models answered different prompts.
    """
    return {(a, b): paired(answers[a], answers[b]) for a, b in itertools.combinations(answers, 2)}


def standings(answers: Mapping[str, Mapping[str, str]], judge: PairwiseJudge) -> list[Standing]:
    """Every model's standing, in the order of `answers`, which must have at least two models.

    Raises:
      UserError: if models answered different prompts, or the judge has no verdict.
    """
    pairs = all_pairs(answers)
    verdicts = iter(judge.verdicts(list(itertools.chain.from_iterable(pairs.values()))))
    of_model: dict[str, list[np.ndarray]] = {name: [] for name in answers}
    for (a, b), of_pair in pairs.items():
        b_wins = np.array([next(verdicts).b_wins for _ in of_pair])
        of_model[a].append(1 - b_wins)
        of_model[b].append(b_wins)
    return [_standing(name, np.mean(wins, axis=0), answers[name]) for name, wins in of_model.items()]


def _standing(name: str, wins: np.ndarray, answers: Mapping[str, str]) -> Standing:
    """The standing of a model, given its mean number of wins over the others for each prompt."""
    resampled = 100 * (bootstrap.times_sampled(len(wins)) @ wins) / len(wins)
    lengths: Sequence[int] = [len(answer) for answer in answers.values()]
    return Standing(name, 100 * float(wins.mean()), bootstrap.percentiles(resampled), float(np.mean(lengths)))
