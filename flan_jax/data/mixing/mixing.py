"""The interface of mixing schemes: from the size of a dataset to its sampling rate."""

import abc
import dataclasses

from flan_jax.settings import Settings


@dataclasses.dataclass(frozen=True)
class Mixing(Settings, abc.ABC):
    """How often each dataset is sampled: its rate over the sum of all rates."""

    @abc.abstractmethod
    def rate(self, examples: int) -> float:
        """The unnormalised rate of a dataset with this number of usable training examples; 0 for none."""
