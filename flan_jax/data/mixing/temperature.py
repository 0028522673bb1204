"""Temperature-scaled mixing (Raffel et al. 2020, section 3.5.2; before that, multilingual BERT)."""

import dataclasses

from flan_jax.data.mixing.mixing import Mixing
from flan_jax.settings import Count, Positive


@dataclasses.dataclass(frozen=True)
class TemperatureMixing(Mixing):
    """The capped number of examples to the power 1 / T: between proportional (T = 1) and equal (T to infinity).

    Equal to `seqio.mixing_rate_num_examples`.

    Attributes:
      temperature: T.
      max_rate: cap on the number of examples; 2^21 in Raffel et al. None for no cap.
    """

    temperature: Positive = 2.0
    max_rate: Count | None = 2**21

    def rate(self, examples: int) -> float:
        counted = examples if self.max_rate is None else min(examples, self.max_rate)
        return float(counted ** (1 / self.temperature))
