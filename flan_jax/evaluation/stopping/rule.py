"""What a stopping rule is.

AlShikh et al. (2023) propose to stop where their score levels off, and give no formula: the rules are ours.
"""

import abc
import dataclasses
from collections.abc import Sequence

from flan_jax.settings import Settings


@dataclasses.dataclass(frozen=True)
class Point:
    """What was measured after so many steps of tuning.

    Attributes:
      step: updates done.
      ifs: the Instruction Following Score, from 0 to 1.
      partial: that of fragments of instructions.
    """

    step: int
    ifs: float
    partial: float


@dataclasses.dataclass(frozen=True)
class StoppingRule(Settings, abc.ABC):
    """Says from a curve whether tuning has gone far enough; a function of the curve alone."""

    @abc.abstractmethod
    def is_met(self, curve: Sequence[Point]) -> bool:
        """Whether to stop at the last of the points, which are in the order of their steps."""


def first_met(rule: StoppingRule, curve: Sequence[Point]) -> Point | None:
    """The point at which a rule stops, some tuning having been done; None where it does not."""
    tuned = (end for end in range(1, len(curve) + 1) if curve[end - 1].step > 0)
    return next((curve[end - 1] for end in tuned if rule.is_met(curve[:end])), None)
