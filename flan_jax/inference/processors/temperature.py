"""Sampling temperature (Ackley et al. 1985)."""

import dataclasses

from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.settings import Positive


@dataclasses.dataclass(frozen=True)
class Temperature(LogitsProcessor):
    """Divides logits by a temperature.

    Attributes:
      value: the temperature; below 1 the distribution is sharper, above 1 flatter. The limit at 0 is `Greedy`.
    """

    value: Positive

    def __call__(self, logits_BxV, generated):
        return logits_BxV / self.value
