"""Stopping at a target score."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

from flan_jax.evaluation.stopping.rule import Point, StoppingRule
from flan_jax.settings import Between


@dataclasses.dataclass(frozen=True, kw_only=True)
class Threshold(StoppingRule):
    """Tuning ends at the first evaluation with a high enough score.

    Attributes:
      ifs: the target score; in AlShikh et al. (2023, Figure 4), it levels off between 0.90 and 0.95.
    """

    ifs: Annotated[float, Between(0, 1)] = 0.9

    def is_met(self, curve: Sequence[Point]) -> bool:
        return curve[-1].ifs >= self.ifs
