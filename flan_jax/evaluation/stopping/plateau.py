"""Stopping where the score does not rise any more."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

from flan_jax.evaluation.stopping.rule import Point, StoppingRule
from flan_jax.settings import Between, Count


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plateau(StoppingRule):
    """Tuning ends when the last few evaluations are no better than the best before them.

    A model that does not answer yet has a level score too, so that of fragments must be high enough: what sets a base
    model apart is that it goes on with fragments (AlShikh et al. 2023, tables 5 and 6).

    Attributes:
      patience: how many evaluations.
      gain: by how much one of them would have to be better.
      partial: the score of fragments at least.
    """

    patience: Count = 3
    gain: Annotated[float, Between(0, 1)] = 0.01
    partial: Annotated[float, Between(0, 1)] = 0.6

    def is_met(self, curve: Sequence[Point]) -> bool:
        before, last = curve[: -self.patience], curve[-self.patience :]
        if not before or last[-1].partial < self.partial:
            return False
        return max(point.ifs for point in last) < max(point.ifs for point in before) + self.gain
