"""The settings of a part of what is tuned on, with a weight of its own: a sub-mixture of Flan 2022.

How an example of a part is put to the model is drawn for each example and epoch: see `flan_jax.data.drawing`.
"""

import dataclasses
from typing import Annotated

from flan_jax.settings import Between, Count, Positive, Settings, Text

Share = Annotated[float, Between(0, 1)]
"""A probability."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part(Settings):
    """A sub-mixture: which datasets, how much of all examples, and the shares of the forms that they take.

    Attributes:
      name: what tables and tasks call it.
      mixture: names of the catalogue, joined by '+', as `Data.mixture` has them.
      weight: its share of all examples is its weight over the sum of weights.
      max_rate: examples of a dataset that count at most, when it is weighed against the others of the part.
      few_shot: share of the examples that have exemplars before them.
      max_shots: exemplars at most; their number is uniform from 1.
      few_shot_length: tokens of a prompt with exemplars at most.
      hidden: share of the examples with options that do not show them, in templates that do without.
      lettered: share of the examples with shown options whose marks tell them apart.
      letter_targets: share of those that are answered by the mark rather than by the option's text.
      shuffled: share of the examples with shown options that have them in random order.
      inverted: share of the examples in inverted templates, where a dataset has any; None for all templates alike.
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
