"""Calibration of reward models (Guo et al. 2017, section 2): is a preference of confidence 80 % right in 80 % of pairs?

A reward model's probability that one answer is better than another is the sigmoid of the difference of their rewards
(Bradley & Terry 1952). The order of the answers is arbitrary, so the answer that the model prefers counts as the first,
and its confidence is from 1/2 to 1.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

BINS = 10


@dataclasses.dataclass(frozen=True)
class Bin:
    """Pairs whose confidence lies in one interval.

    Attributes:
      confidence: their mean confidence, 1/2 to 1.
      right: the share whose preferred answer is the better one; a tie counts half.
      pairs: number of pairs.
    """

    confidence: float
    right: float
    pairs: int


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Accuracy by confidence.

    Attributes:
      bins: the bins in order of confidence, without empty ones.
    """

    bins: tuple[Bin, ...]

    @property
    def accuracy(self) -> float:
        """The share of all pairs whose preferred answer is the better one."""
        return sum(one.right * one.pairs for one in self.bins) / sum(one.pairs for one in self.bins)

    @property
    def error(self) -> float:
        """The expected calibration error: the mean over pairs of |confidence - accuracy| of their bin."""
        distances = sum(abs(one.confidence - one.right) * one.pairs for one in self.bins)
        return distances / sum(one.pairs for one in self.bins)


def calibration(margins: Sequence[float], wins: Sequence[float], bins: int = BINS) -> Calibration:
    """The calibration of rewards.

    Args:
      margins: the second answer's reward minus the first one's, [E].
      wins: the probability that the second answer is the better one, by the reference judge, [E].
      bins: number of bins of equal width in confidence.

    Raises:
      ValueError: without pairs.
    """
    margins_E, wins_E = np.asarray(margins, float), np.asarray(wins, float)
    if not len(margins_E):
        raise ValueError('no pairs')
    confidence_E = 1 / (1 + np.exp(-np.abs(margins_E)))
    right_E = np.where(margins_E > 0, wins_E, np.where(margins_E < 0, 1 - wins_E, 0.5))
    bin_E = np.minimum((2 * confidence_E - 1) * bins, bins - 1).astype(int)
    members = [np.flatnonzero(bin_E == number) for number in range(bins)]
    found = [Bin(float(confidence_E[of].mean()), float(right_E[of].mean()), len(of)) for of in members if len(of)]
    return Calibration(tuple(found))
