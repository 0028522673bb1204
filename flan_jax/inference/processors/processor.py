"""What a logits processor is: a rule between the decoder's logits and the choice of the next token.

Shape letters: B answers being generated (with beam search every beam of every prompt), P tokens of a prompt and N of an
answer at most, V vocabulary.
"""

import abc
import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from flan_jax.inference.loaded import LoadedModel
from flan_jax.settings import Settings

NO_TOKEN = -1
"""Stands where a prompt has no token."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Generated:
    """The answers so far.

    Attributes:
      tokens: of every answer, [B, N]; the first `count` are generated, what follows them means nothing.
      count: tokens generated so far, equally many for every answer, [].
      prompts: the tokens of every answer's prompt, at the left, then `NO_TOKEN`, [B, P].
    """

    tokens: jax.Array
    count: jax.Array
    prompts: jax.Array

    def seen(self, vocabulary_size: int, first: int | None = 0) -> jax.Array:
        """Which tokens have occurred, bool [B, V].

        Args:
          vocabulary_size: V.
          first: the first token of the prompt that counts; None where only the answer does.
        """
        generated_N = jnp.arange(self.tokens.shape[1]) < self.count
        tokens = jnp.where(generated_N, self.tokens, vocabulary_size)  # beyond the vocabulary: dropped below
        if first is not None:
            prompts = self.prompts[:, first:]
            tokens = jnp.concatenate([jnp.where(prompts == NO_TOKEN, vocabulary_size, prompts), tokens], axis=1)
        rows_Bx1 = jnp.arange(len(tokens))[:, None]
        return jnp.zeros((len(tokens), vocabulary_size), bool).at[rows_Bx1, tokens].set(True, mode='drop')


class LogitsProcessor(Settings, abc.ABC):
    """A rule; its fields are its settings. Rules whose fields are equal share what is compiled.

    It is traced once into a compiled loop: what it does may depend on the values of its arguments only through JAX's
    operations. It must leave at least one token of every answer possible.
    """

    def of_model(self, model: LoadedModel) -> 'LogitsProcessor':
        """The rule for one model, where it depends on vocabulary or prompt format; raises UserError if it has none."""
        return self

    @abc.abstractmethod
    def __call__(self, logits_BxV: jax.Array, generated: Generated) -> jax.Array:
        """The changed logits, float32 [B, V]; -inf makes a token impossible."""


def process(processors: Sequence[LogitsProcessor], logits_BxV: jax.Array, generated: Generated) -> jax.Array:
    """Applies a chain of processors, the first one first."""
    for processor in processors:
        logits_BxV = processor(logits_BxV, generated)
    return logits_BxV
