"""Repetition penalty: tokens that have occurred become less likely (Keskar et al. 2019, section 4.1); LIMA uses 1.2."""

import dataclasses

import jax.numpy as jnp

from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.settings import Positive


@dataclasses.dataclass(frozen=True)
class RepetitionPenalty(LogitsProcessor):
    """Divides positive logits of tokens that have occurred by the penalty, and multiplies negative ones by it.

    Tokens of the prompt count as well, as in transformers.

    Attributes:
      value: the penalty; 1 changes nothing, above 1 repetitions become less likely.
    """

    value: Positive

    def __call__(self, logits_BxV, generated):
        penalised_BxV = jnp.where(logits_BxV > 0, logits_BxV / self.value, logits_BxV * self.value)
        return jnp.where(generated.seen(logits_BxV.shape[-1]), penalised_BxV, logits_BxV)
