"""The third of three rules: tokens that have occurred become less likely (Hewitt et al. 2024, Table 8)."""

import dataclasses
from typing import Annotated, Literal

import jax.numpy as jnp

from flan_jax.inference.processors.rule import Rule
from flan_jax.settings import AtLeast

_UNLIKE = ('The', 'is', '0', ' *')
"""Instructions that start with different tokens in any vocabulary."""


@dataclasses.dataclass(frozen=True)
class Diversity(Rule):
    """Adds a score, below 0, once to every token that has occurred.

    Attributes:
      score: the score to add.
      since: which tokens count as having occurred. 'instruction': those of the prompt from its instruction on, and
        those of the answer, as in the paper's Listing 1; 'answer': only those of the answer, as in the paper's text.
      spares_eos: whether the token that ends answers is exempt. Listing 1 overwrites that token's score, the authors'
        code adds to it; both are the same unless the prompt contains the token.
      first: index of the first prompt token that counts if `since` is 'instruction'; None for the number of tokens
        that the model's prompt format puts before every instruction.
      eos_id: the token that is exempt; None for the one that ends the model's answers.
    """

    score: float = -1.5
    since: Literal['instruction', 'answer'] = 'instruction'
    spares_eos: bool = False
    first: Annotated[int, AtLeast(0)] | None = None
    eos_id: Annotated[int, AtLeast(0)] | None = None

    def of_model(self, model):
        first, eos_id = self.first, self.eos_id
        if first is None and self.since == 'instruction':
            first = _tokens_before_instructions(model)
        if eos_id is None and self.spares_eos:
            eos_id = model.prompt_format.end_id(model.vocabulary)
        return dataclasses.replace(self, first=first, eos_id=eos_id)

    def bias(self, vocabulary_size, generated):
        first = None if self.since == 'answer' else self.first or 0
        seen_BxV = generated.seen(vocabulary_size, first)
        if self.spares_eos:
            seen_BxV = seen_BxV.at[:, self.eos_id].set(False)
        return jnp.where(seen_BxV, self.score, 0.0)


def _tokens_before_instructions(model) -> int:
    """Number of tokens that all prompts start with, whatever the instruction."""
    first, *others = (model.prompt_format.encode_prompt(model.vocabulary, text) for text in _UNLIKE)
    return next(i for i in range(len(first)) if any(other[i : i + 1] != [first[i]] for other in others))
