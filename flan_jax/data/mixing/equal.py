"""Equal mixing: all datasets are sampled equally often (Raffel et al. 2020, section 3.5.2)."""

import dataclasses

from flan_jax.data.mixing.mixing import Mixing


@dataclasses.dataclass(frozen=True)
class EqualMixing(Mixing):
    """Equal rates of all datasets; the limit of `TemperatureMixing` at high temperatures."""

    def rate(self, examples: int) -> float:
        return float(examples > 0)
