"""What a way of mixing is: from how many examples a dataset has to how often it is sampled."""

import abc
import dataclasses

from flan_jax.settings import Settings


@dataclasses.dataclass(frozen=True)
class Mixing(Settings, abc.ABC):
    """How often each dataset is sampled: its rate over the sum of the rates of all."""

    @abc.abstractmethod
    def rate(self, examples: int) -> float:
        """The unnormalised rate of a dataset with so many usable training examples; 0 for none."""
