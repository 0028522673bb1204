"""The interface of stopping rules.

AlShikh et al. (2023) propose to stop when their score levels off, without a formula: the rules are ours.
"""

import abc
import dataclasses
from collections.abc import Sequence

from flan_jax.settings import Settings


@dataclasses.dataclass(frozen=True)
class Point:
    """A point of the curve.

    Attributes:
      step: number of updates.
      ifs: the Instruction Following Score, from 0 to 1.
      partial: the score of fragments of instructions, from 0 to 1.
    """

    step: int
    ifs: float
    partial: float


@dataclasses.dataclass(frozen=True)
class StoppingRule(Settings, abc.ABC):
    """Decides by the curve alone whether tuning ends."""

    @abc.abstractmethod
    def is_met(self, curve: Sequence[Point]) -> bool:
        """Whether to stop at the last of the points, which are ordered by step."""


def first_met(rule: StoppingRule, curve: Sequence[Point]) -> Point | None:
    """The first point, after at least one update, at which a rule stops; None if it does not."""
    tuned = (end for end in range(1, len(curve) + 1) if curve[end - 1].step > 0)
    return next((curve[end - 1] for end in tuned if rule.is_met(curve[:end])), None)
