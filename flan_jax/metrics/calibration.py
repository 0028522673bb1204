"""Whether probabilities mean what they say: of what is said to be 80 % sure, are 80 % so (Guo et al. 2017, section 2)?

A reward model's probability that one answer is better than another is the sigmoid of the difference of their rewards
(Bradley & Terry 1952). Which answer comes first is chance, so pairs are turned to have the preferred one first, and
confidence is from 1/2 to 1.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

BINS = 10


@dataclasses.dataclass(frozen=True)
class Bin:
    """Pairs of about the same confidence.

    Attributes:
      confidence: their mean, 1/2 to 1.
      right: the share whose preferred answer is the better one; a tie counts half.
      pairs: how many.
    """

    confidence: float
    right: float
    pairs: int


@dataclasses.dataclass(frozen=True)
class Calibration:
    """How far confidence can be believed.

    Attributes:
      bins: in order of confidence; empty ones are left out.
    """

    bins: tuple[Bin, ...]

    @property
    def accuracy(self) -> float:
        """The share of all pairs that is right."""
        return sum(one.right * one.pairs for one in self.bins) / sum(one.pairs for one in self.bins)

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of confidence from what is right, over pairs."""
        distances = sum(abs(one.confidence - one.right) * one.pairs for one in self.bins)
        return distances / sum(one.pairs for one in self.bins)


def calibration(margins: Sequence[float], wins: Sequence[float], bins: int = BINS) -> Calibration:
    """The calibration of rewards.

    Args:
      margins: the second answer's reward minus the first one's, [E].
      wins: the probability that the second answer is the better one, by who is believed; [E].
      bins: of equal width in confidence.

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
