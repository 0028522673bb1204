"""What a metric is: its scores, which of them is the headline, and how the headline is made of sums over examples."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from flan_jax.metrics.judgement import Judgement, Scores


@dataclasses.dataclass(frozen=True)
class Sums:
    """A headline score as a function of sums over examples, which is what resampling needs.

    Attributes:
      terms: the terms of every example, [E, K].
      score: the score of summed terms, [..., K] to [...]; finite for every resample, whatever it leaves out.
    """

    terms: Callable[[Sequence[Judgement]], np.ndarray]
    score: Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
      compute: the scores of judgements, at least one.
      headline: name of the score that reports print.
      smaller_is_better: whether the headline counts errors.
      sums: how the headline is made of sums; None for a mean over examples.
    """

    compute: Callable[[Sequence[Judgement]], Scores]
    headline: str
    smaller_is_better: bool = False
    sums: Sums | None = None

    @property
    def as_sums(self) -> Sums:
        """How the headline is made of sums, a mean over examples included."""
        return self.sums or Sums(self._each, lambda sums: ratio(sums[..., 0], sums[..., 1]))

    def _each(self, judgements: Sequence[Judgement]) -> np.ndarray:
        return np.array([(self.compute([judgement])[self.headline], 1.0) for judgement in judgements])


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Element by element, 0 where there is nothing to divide by."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator != 0)


def percent(hits: Sequence[bool]) -> float:
    """The share of hits."""
    return 100 * sum(hits) / len(hits)
