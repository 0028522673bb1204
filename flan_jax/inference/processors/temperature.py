"""Temperature: how far sampling prefers what is likely (Ackley et al. 1985)."""

import dataclasses

from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.settings import SettingsError


@dataclasses.dataclass(frozen=True)
class Temperature(LogitsProcessor):
    """Divides logits by a temperature.

    Attributes:
      temperature: below 1 likely tokens become likelier, above 1 all tokens more alike.
    """

    temperature: float

    def __post_init__(self):
        if not self.temperature > 0:
            raise SettingsError(
                f'temperature={self.temperature}: must be above 0; greedy decoding takes the likeliest token'
            )

    def __call__(self, logits_BxV, generated):
        return logits_BxV / self.temperature
