"""Stopping at a score that was aimed at."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

from flan_jax.evaluation.stopping.rule import Point, StoppingRule
from flan_jax.settings import Between


@dataclasses.dataclass(frozen=True, kw_only=True)
class Threshold(StoppingRule):
    """The first evaluation at which the score is high enough ends tuning.

    Attributes:
      ifs: how high; AlShikh et al. (2023, Figure 4) see it level off between 0.90 and 0.95.
    """

    ifs: Annotated[float, Between(0, 1)] = 0.9

    def is_met(self, curve: Sequence[Point]) -> bool:
        return curve[-1].ifs >= self.ifs
