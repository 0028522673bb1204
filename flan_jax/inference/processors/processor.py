"""What a logits processor is: a rule between the decoder's logits and the choice of the next token.

Shape letters: B answers being generated (with beam search every beam of every prompt), N tokens of an answer at most, V
vocabulary.
"""

import abc
import dataclasses
from collections.abc import Sequence

import jax


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Generated:
    """The answers so far.

    Attributes:
      tokens: of every answer, [B, N]; the first `count` are generated, what follows them means nothing.
      count: tokens generated so far, equally many for every answer, [].
    """

    tokens: jax.Array
    count: jax.Array


class LogitsProcessor(abc.ABC):
    """A rule; its fields are its settings.

    It is traced once into a compiled loop: what it does may depend on the values of its arguments only through JAX's
    operations. It must leave at least one token of every answer possible.
    """

    @abc.abstractmethod
    def __call__(self, logits_BxV: jax.Array, generated: Generated) -> jax.Array:
        """The changed logits, float32 [B, V]; -inf makes a token impossible."""


def process(processors: Sequence[LogitsProcessor], logits_BxV: jax.Array, generated: Generated) -> jax.Array:
    """Applies a chain of processors, the first one first."""
    for processor in processors:
        logits_BxV = processor(logits_BxV, generated)
    return logits_BxV
