"""Pairwise judges: which of two answers is better; what they say is a verdict, and verdicts are records."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flan_jax.errors import UserError
from flan_jax.evaluation.judges.answers import Pair
from flan_jax.metrics import bootstrap
from flan_jax.metrics.length_controlled import Comparisons, instruction_hash


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a judge says of two answers.

    Attributes:
      pair: the answers.
      orders: the probability that B is better, in each order in which the judge saw the two.
    """

    pair: Pair
    orders: tuple[float, ...]

    @property
    def b_wins(self) -> float:
        """The probability that B is better, half for a tie."""
        return float(np.mean(self.orders))

    def as_record(self, judge: Mapping[str, Any]) -> dict[str, Any]:
        """The verdict as a line of a file; `preference` is 1 for A and 2 for B, as AlpacaEval writes it."""
        return {
            'instruction': self.pair.prompt,
            'instruction_hash': instruction_hash(self.pair.prompt),
            'output_1': self.pair.answer_a,
            'output_2': self.pair.answer_b,
            'preference': 1 + self.b_wins,
            'orders': list(self.orders),
            'judge': dict(judge),
        }


class PairwiseJudge(abc.ABC):
    """Says which of two answers is better."""

    @property
    @abc.abstractmethod
    def recipe(self) -> Mapping[str, Any]:
        """All that its verdicts depend on, for the records."""

    @abc.abstractmethod
    def verdicts(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """The verdict on each pair; raises UserError where it has none."""


def comparisons(verdicts: Sequence[Verdict]) -> Comparisons:
    """B's answers set against A's."""
    return Comparisons(
        tuple(instruction_hash(verdict.pair.prompt) for verdict in verdicts),
        np.array([verdict.b_wins for verdict in verdicts]),
        np.array([len(verdict.pair.answer_a) for verdict in verdicts]),
        np.array([len(verdict.pair.answer_b) for verdict in verdicts]),
    )


def win_rate_interval(verdicts: Sequence[Verdict]) -> tuple[float, float]:
    """The 95 % confidence interval of B's raw win rate, per cent, by resampling prompts."""
    wins = np.array([verdict.b_wins for verdict in verdicts])
    times_SxE = bootstrap.times_sampled(len(wins))
    return bootstrap.percentiles(100 * (times_SxE @ wins) / len(wins))


def order_agreement(verdicts: Sequence[Verdict]) -> float | None:
    """The share of pairs, per cent, of which the judge says the same in both orders; None if it saw one order only."""
    both = [verdict.orders for verdict in verdicts if len(verdict.orders) == 2]
    if not both:
        return None
    return 100 * float(np.mean([np.sign(a - 0.5) == np.sign(b - 0.5) for a, b in both]))


def judge_agreement(verdicts: Sequence[Verdict], others: Sequence[Verdict]) -> float:
    """The share of pairs, per cent, of which two judges say the same, a tie of one being half an agreement.

    Raises:
      UserError: if they judged other pairs.
    """
    if [verdict.pair for verdict in verdicts] != [verdict.pair for verdict in others]:
        raise UserError('the two judges saw other answers; judge the same files')
    signs = [(np.sign(a.b_wins - 0.5), np.sign(b.b_wins - 0.5)) for a, b in zip(verdicts, others)]
    return 100 * float(np.mean([1 - abs(a - b) / 2 for a, b in signs]))
