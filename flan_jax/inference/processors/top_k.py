"""Top-k sampling: only the k most likely tokens can be sampled (Fan et al. 2018, section 5.4)."""

import dataclasses

import jax
import jax.numpy as jnp

from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.settings import Count


@dataclasses.dataclass(frozen=True)
class TopK(LogitsProcessor):
    """Masks all but the most likely tokens.

    Attributes:
      k: number of tokens to keep; tokens as likely as the last of them are kept, too.
    """

    k: Count

    def __call__(self, logits_BxV, generated):
        count = min(self.k, logits_BxV.shape[-1])
        lowest_Bx1 = jax.lax.top_k(logits_BxV, count)[0][:, -1:]
        return jnp.where(logits_BxV < lowest_Bx1, -jnp.inf, logits_BxV)
