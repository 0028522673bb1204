"""Temperature: how far sampling prefers what is likely (Ackley et al. 1985)."""

import dataclasses

from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.settings import Positive


@dataclasses.dataclass(frozen=True)
class Temperature(LogitsProcessor):
    """Divides logits by a temperature.

    Attributes:
      value: the temperature; below 1 likely tokens become likelier, above 1 all tokens more alike. `Greedy` is what it
        tends to at 0.
    """

    value: Positive

    def __call__(self, logits_BxV, generated):
        return logits_BxV / self.value
