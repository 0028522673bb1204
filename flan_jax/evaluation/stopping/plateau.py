"""Stopping when the score no longer rises."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

from flan_jax.evaluation.stopping.rule import Point, StoppingRule
from flan_jax.settings import Between, Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plateau(StoppingRule):
    """Tuning ends when the last evaluations are no better than the best before them.

    The score of a model that does not answer yet is constant as well. Therefore the score of fragments must also be
    high enough: base models differ by continuing fragments (AlShikh et al. 2023, tables 5 and 6).

    Attributes:
      patience: number of evaluations.
      gain: least improvement that counts as better.
      partial: least score of fragments.
    """

    patience: Count = 3
    gain: Annotated[float, Between(0, 1)] = 0.01
    partial: Annotated[float, Between(0, 1)] = 0.6

    def is_met(self, curve: Sequence[Point]) -> bool:
        before, last = curve[: -self.patience], curve[-self.patience :]
        if not before or last[-1].partial < self.partial:
            return False
        return max(point.ifs for point in last) < max(point.ifs for point in before) + self.gain
