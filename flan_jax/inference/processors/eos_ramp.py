"""The first of three rules: the longer an answer, the more likely it ends (Hewitt et al. 2024, Table 8)."""

import dataclasses
from typing import Annotated, Literal

import jax.numpy as jnp

from flan_jax.inference.processors.rule import Rule
from flan_jax.settings import AtLeast, Count

_LISTED_LENGTH, _LISTED_WEIGHT = 1024, 100.0
"""The paper's Listing 1 adds this weight beyond this length."""


@dataclasses.dataclass(frozen=True)
class EosRamp(Rule):
    """Adds a score to the token that ends answers, which rises with the length of the answer.

    Attributes:
      weight: the score at `length`.
      length: number of tokens up to which the score rises linearly from 0.
      beyond: the score from `length` on. 'nothing': 0, as in the paper's runs (its authors call it a mistake);
        'listing': 0 up to 1,024 tokens and 100 after, as printed in the paper; 'weight': the full weight.
      eos_id: the token; None for the one that ends the model's answers.
    """

    weight: float = 15.0
    length: Count = 250
    beyond: Literal['nothing', 'listing', 'weight'] = 'nothing'
    eos_id: Annotated[int, AtLeast(0)] | None = None

    def of_model(self, model):
        eos_id = model.prompt_format.end_id(model.vocabulary) if self.eos_id is None else self.eos_id
        return dataclasses.replace(self, eos_id=eos_id)

    def score(self, count):
        """The score after `count` tokens of an answer, a float32 scalar."""
        rising = self.weight * count / self.length
        listed = jnp.where(count > _LISTED_LENGTH, _LISTED_WEIGHT, 0.0)
        beyond = {'nothing': 0.0, 'listing': listed, 'weight': self.weight}[self.beyond]
        return jnp.where(count < self.length, rising, beyond)

    def bias(self, vocabulary_size, generated):
        return jnp.zeros(vocabulary_size).at[self.eos_id].set(self.score(generated.count))
