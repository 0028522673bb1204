"""The interface of rules, whose scores are added to the logits (Hewitt et al. 2024, section 5.2).

The rules define a distribution softmax(r), with r the sum of their scores. The adapted model is the product of experts
p(w | x) rules(w | x) / Z(x) (Hinton 2002). Normalisers cancel, so that the product is softmax(logits + r): a chain of
rules is the paper's adapter, and leaving a rule out of the chain is an ablation.

Shape letters: B answers being generated, V vocabulary.
"""

import abc

import jax

from flan_jax.inference.processors.processor import Generated, LogitsProcessor


class Rule(LogitsProcessor):
    """A rule; its fields are its settings."""

    @abc.abstractmethod
    def bias(self, vocabulary_size: int, generated: Generated) -> jax.Array:
        """The scores to add to the logits, float32 [B, V] or [V]."""

    def __call__(self, logits_BxV, generated):
        return logits_BxV + self.bias(logits_BxV.shape[-1], generated)
