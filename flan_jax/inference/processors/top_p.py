"""Top-p, or nucleus sampling: the tail of the distribution cannot be sampled (Holtzman et al. 2020, section 3.1)."""

import dataclasses

import jax
import jax.numpy as jnp

from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.settings import SettingsError


@dataclasses.dataclass(frozen=True)
class TopP(LogitsProcessor):
    """Masks all but the smallest set of most likely tokens with a total probability of at least `p`.

    Attributes:
      p: the total probability; tokens as likely as the last of the set are kept, too.
    """

    p: float

    def check(self) -> None:
        if not 0 < self.p <= 1:
            raise SettingsError(f'TopP.p={self.p}: must be above 0 and at most 1')

    def __call__(self, logits_BxV, generated):
        if self.p == 1:
            return logits_BxV
        descending_BxV = jnp.sort(logits_BxV, axis=-1, descending=True)
        probs_BxV = jax.nn.softmax(descending_BxV)
        before_BxV = jnp.cumsum(probs_BxV, axis=-1) - probs_BxV
        lowest_Bx1 = jnp.where(before_BxV < self.p, descending_BxV, jnp.inf).min(axis=-1, keepdims=True)
        return jnp.where(logits_BxV < lowest_Bx1, -jnp.inf, logits_BxV)
