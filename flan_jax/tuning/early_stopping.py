"""Early stopping: when a prompt is learned enough (Lester et al. 2021, section 3.2)."""

import dataclasses

from flan_jax.settings import Count, Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class EarlyStopping(Settings):
    """A prompt whose loss on validation examples does not fall any more stops, as it was when that was lowest.

    Attributes:
      every: steps between validations.
      patience: validations in a row without a lower loss, after which it stops.
      examples: validation examples of each task.
    """

    every: Count = 100
    patience: Count = 5
    examples: Count = 200
