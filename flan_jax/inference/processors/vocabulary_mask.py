"""The vocabulary mask: embeddings are padded to a round size, and ids beyond the vocabulary have no text."""

import dataclasses

import jax.numpy as jnp

from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.settings import Count


@dataclasses.dataclass(frozen=True)
class VocabularyMask(LogitsProcessor):
    """Masks ids beyond the vocabulary.

    Attributes:
      size: number of tokens in the vocabulary.
    """

    size: Count

    def __call__(self, logits_BxV, generated):
        if self.size >= logits_BxV.shape[-1]:
            return logits_BxV
        return jnp.where(jnp.arange(logits_BxV.shape[-1]) < self.size, logits_BxV, -jnp.inf)
