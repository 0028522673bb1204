"""The interface of pairwise judges, which return verdicts on pairs of answers."""

import abc
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flan_jax.errors import UserError
from flan_jax.evaluation.judges.answers import Pair
from flan_jax.metrics import bootstrap
from flan_jax.metrics.length_controlled import Comparisons, instruction_hash


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A judge's verdict on two answers.

    Attributes:
      pair: the answers.
      orders: the probability that B is better, for each order in which the judge saw the pair and gave a verdict.
      evidence: further information for the record: rewards, or the judge's replies.
    """

    pair: Pair
    orders: tuple[float, ...]
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def is_decided(self) -> bool:
        """Whether the judge gave any verdict; a tie is a verdict."""
        return bool(self.orders)

    @property
    def b_wins(self) -> float:
        """The probability that B is better, 0.5 for a tie; undefined without a verdict."""
        return float(np.mean(self.orders)) if self.orders else math.nan

    def as_record(self, judge: Mapping[str, Any]) -> dict[str, Any]:
        """The verdict as a line of a file; `preference` is 1 for A, 2 for B, as AlpacaEval writes it, or None."""
        return {
            'instruction': self.pair.prompt,
            'instruction_hash': instruction_hash(self.pair.prompt),
            'output_1': self.pair.answer_a,
            'output_2': self.pair.answer_b,
            'preference': 1 + self.b_wins if self.is_decided else None,
            'orders': list(self.orders),
            'judge': dict(judge),
            **({'evidence': dict(self.evidence)} if self.evidence else {}),
        }


class PairwiseJudge(abc.ABC):
    """Decides which of two answers is better."""

    @property
    @abc.abstractmethod
    def recipe(self) -> Mapping[str, Any]:
        """Everything that verdicts depend on, for the records."""

    @abc.abstractmethod
    def verdicts(self, pairs: Sequence[Pair]) -> list[Verdict]:
        """The verdict on each pair, in order; raises UserError if a pair cannot be judged."""


def both_orders(pair: Pair) -> tuple[tuple[str, str], tuple[str, str]]:
    """The answers in both orders: A first, and B first."""
    return (pair.answer_a, pair.answer_b), (pair.answer_b, pair.answer_a)


def decided(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts that are decided; raises UserError if there are none."""
    found = [verdict for verdict in verdicts if verdict.is_decided]
    if not found:
        raise UserError(f'the judge decided none of {len(verdicts)} pairs; see --output for its replies')
    return found


def comparisons(verdicts: Sequence[Verdict]) -> Comparisons:
    """The comparisons of B's answers with A's."""
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
    """The share of pairs, in per cent, with the same verdict in both orders; None if the judge saw one order only."""
    both = [verdict.orders for verdict in verdicts if len(verdict.orders) == 2]
    if not both:
        return None
    return 100 * float(np.mean([np.sign(a - 0.5) == np.sign(b - 0.5) for a, b in both]))


def judge_agreement(verdicts: Sequence[Verdict], others: Sequence[Verdict]) -> float:
    """The share of pairs, in per cent, with the same verdict of two judges; a tie of one of them counts half.

    Pairs that one of them did not decide are ignored.

    Raises:
      UserError: if they judged different pairs, or no pair was decided by both.
    """
    if [verdict.pair for verdict in verdicts] != [verdict.pair for verdict in others]:
        raise UserError('the two judges compared different answers; judge the same files')
    both = [(a.b_wins, b.b_wins) for a, b in zip(verdicts, others) if a.is_decided and b.is_decided]
    if not both:
        raise UserError('no pair was decided by both judges')
    signs = [(np.sign(a - 0.5), np.sign(b - 0.5)) for a, b in both]
    return 100 * float(np.mean([1 - abs(a - b) / 2 for a, b in signs]))
