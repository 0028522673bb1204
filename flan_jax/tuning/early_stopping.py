"""Early stopping of soft prompts on validation loss (Lester et al. 2021, section 3.2)."""

import dataclasses

from flan_jax.settings import Count, Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class EarlyStopping(Settings):
    """A prompt stops when its validation loss no longer falls, and returns to its state at the lowest loss.

    Attributes:
      every: steps between validations.
      patience: number of validations in a row without a lower loss after which a prompt stops.
      examples: validation examples of each task.
    """

    every: Count = 100
    patience: Count = 5
    examples: Count = 200
