"""Metrics: their scores, the headline among them, and the headline as a function of sums over examples."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from flan_jax.metrics.judgement import Judgement, Scores


@dataclasses.dataclass(frozen=True)
class Sums:
    """A headline score as a function of sums over examples, as the bootstrap needs it.

    Attributes:
      terms: the K terms of every example, [E, K].
      score: from summed terms to the score, [..., K] to [...]; finite for every resample.
    """

    terms: Callable[[Sequence[Judgement]], np.ndarray]
    score: Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
      compute: from at least one judgement to the scores.
      headline: name of the score that reports print.
      smaller_is_better: whether the headline counts errors.
      sums: the headline as a function of sums; None for a mean over examples.
    """

    compute: Callable[[Sequence[Judgement]], Scores]
    headline: str
    smaller_is_better: bool = False
    sums: Sums | None = None

    @property
    def as_sums(self) -> Sums:
        """The headline as a function of sums, also if it is a mean over examples."""
        return self.sums or Sums(self._each, lambda sums: ratio(sums[..., 0], sums[..., 1]))

    def _each(self, judgements: Sequence[Judgement]) -> np.ndarray:
        return np.array([(self.compute([judgement])[self.headline], 1.0) for judgement in judgements])


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator elementwise, 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)


def percent(hits: Sequence[bool]) -> float:
    """The share of hits in per cent."""
    return 100 * sum(hits) / len(hits)
