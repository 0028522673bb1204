"""The settings of a part of the training data, which is a sub-mixture with a weight, as in Flan 2022.

The form of an example is drawn for each example and epoch, see `flan_jax.data.drawing`.
"""

import dataclasses
from typing import Annotated

from flan_jax.settings import Between, Count, Positive, Settings, Text

Share = Annotated[float, Between(0, 1)]
"""A probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part(Settings):
    """A sub-mixture: its datasets, its share of all examples, and the shares of the forms of its examples.

    Attributes:
      name: its name in tables and tasks.
      mixture: names of the catalogue, joined by '+', as in `Data.mixture`.
      weight: its share of all examples is its weight over the sum of weights.
      max_rate: maximal number of examples that count for a dataset's rate within the part.
      few_shot: share of examples with exemplars.
      max_shots: maximal number of exemplars; the number is uniform from 1 on.
      few_shot_length: maximal tokens of a prompt with exemplars.
      hidden: share of examples with options that hide them, among templates that do not refer to options.
      lettered: share of examples with shown options that list them with letters or numbers.
      letter_targets: share of lettered examples whose answer is the letter instead of the option's text.
      shuffled: share of examples with shown options that list them in random order.
      inverted: share of examples in inverted templates, if a dataset has any; None for equal shares of all templates.
    """

    name: Text
    mixture: Text
    weight: Positive = 1.0
    max_rate: Count = 3_000
    few_shot: Share = 0.0
    max_shots: Annotated[int, Between(1, 16)] = 5
    few_shot_length: Count = 1_920
    hidden: Share = 0.0
    lettered: Share = 0.0
    letter_targets: Share = 1.0
    shuffled: Share = 0.0
    inverted: Share | None = None
