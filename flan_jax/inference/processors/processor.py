"""The interface of logits processors: functions applied to the decoder's logits before the next token is chosen.

Shape letters: B answers being generated (in beam search, all beams of all prompts), P maximal tokens of a prompt, N
maximal tokens of an answer, V vocabulary.
"""

import abc
import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from flan_jax.inference.loaded import LoadedModel
from flan_jax.settings import Settings

NO_TOKEN = -1
"""Padding of prompts."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Generated:
    """The answers so far.

    Attributes:
      tokens: tokens of every answer, [B, N], of which only the first `count` are set.
      count: number of tokens generated so far, the same for every answer, a scalar.
      prompts: the prompt of every answer, padded on the right with `NO_TOKEN`, [B, P].
    """

    tokens: jax.Array
    count: jax.Array
    prompts: jax.Array

    def seen(self, vocabulary_size: int, first: int | None = 0) -> jax.Array:
        """Which tokens have occurred, bool [B, V].

        Args:
          vocabulary_size: V.
          first: index of the first prompt token that counts; None if only the answer counts.
        """
        generated_N = jnp.arange(self.tokens.shape[1]) < self.count
        tokens = jnp.where(generated_N, self.tokens, vocabulary_size)  # out of bounds: dropped by the scatter below
        if first is not None:
            prompts = self.prompts[:, first:]
            tokens = jnp.concatenate([jnp.where(prompts == NO_TOKEN, vocabulary_size, prompts), tokens], axis=1)
        rows_Bx1 = jnp.arange(len(tokens))[:, None]
        return jnp.zeros((len(tokens), vocabulary_size), bool).at[rows_Bx1, tokens].set(True, mode='drop')


class LogitsProcessor(Settings, abc.ABC):
    """A logits processor; its fields are its settings. Processors with equal fields share compiled programs.

    It is traced into a compiled loop: it may depend on the values of its arguments through JAX operations only. It must
    leave at least one token of every answer possible.
    """

    def of_model(self, model: LoadedModel) -> 'LogitsProcessor':
        """This processor for a model's vocabulary and prompt format; raises UserError if it does not fit them."""
        return self

    @abc.abstractmethod
    def __call__(self, logits_BxV: jax.Array, generated: Generated) -> jax.Array:
        """The changed logits, float32 [B, V]; -inf makes a token impossible."""


def process(processors: Sequence[LogitsProcessor], logits_BxV: jax.Array, generated: Generated) -> jax.Array:
    """Applies a chain of processors, the first one first."""
    for processor in processors:
        logits_BxV = processor(logits_BxV, generated)
    return logits_BxV
