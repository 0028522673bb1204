"""Top-k: only the likeliest tokens can be sampled (Fan et al. 2018, section 5.4)."""

import dataclasses

import jax
import jax.numpy as jnp

from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.settings import SettingsError


@dataclasses.dataclass(frozen=True)
class TopK(LogitsProcessor):
    """Makes all tokens impossible but the likeliest.

    Attributes:
      top_k: how many stay possible; tokens as likely as the last of them do, too.
    """

    top_k: int

    def __post_init__(self):
        if not (isinstance(self.top_k, int) and self.top_k >= 1):
            raise SettingsError(f'top_k={self.top_k}: must be an integer of at least 1; leave it out for all tokens')

    def __call__(self, logits_BxV, generated):
        count = min(self.top_k, logits_BxV.shape[-1])
        lowest_Bx1 = jax.lax.top_k(logits_BxV, count)[0][:, -1:]
        return jnp.where(logits_BxV < lowest_Bx1, -jnp.inf, logits_BxV)
