"""Examples-proportional mixing with a cap, as in FLAN (footnote 2; Raffel et al. 2020, section 3.5.2)."""

import dataclasses

from flan_jax.data.mixing.mixing import Mixing
from flan_jax.settings import Count


@dataclasses.dataclass(frozen=True)
class ProportionalMixing(Mixing):
    """Rates proportional to the number of examples up to a cap: min(e, K).

    Attributes:
      max_rate: K; None for no cap.
    """

    max_rate: Count | None = 3_000

    def rate(self, examples: int) -> float:
        return float(examples if self.max_rate is None else min(examples, self.max_rate))
