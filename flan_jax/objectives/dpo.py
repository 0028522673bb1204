"""Direct preference optimisation (Rafailov et al. 2023)."""

import dataclasses
from typing import Annotated, ClassVar

import jax

from flan_jax.objectives.pairwise import ImplicitReward
from flan_jax.settings import Between


@dataclasses.dataclass(frozen=True)
class Dpo(ImplicitReward):
    """-log sigmoid of the margin between implicit rewards (equation 7); ln 2 while model and reference agree.

    The paper's beta is 0.1, its learning rate 1e-6 and batch 64 (appendix B); its code has 5e-7.

    Attributes:
      label_smoothing: probability that a preference label is flipped.
    """

    label_smoothing: Annotated[float, Between(0, 0.5)] = 0.0

    of_probabilities: ClassVar[bool] = True

    def pair_loss(self, better: jax.Array, worse: jax.Array) -> jax.Array:
        margin = better - worse
        right, wrong = -jax.nn.log_sigmoid(margin), -jax.nn.log_sigmoid(-margin)
        return (1 - self.label_smoothing) * right + self.label_smoothing * wrong
