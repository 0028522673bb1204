"""A learning rate that falls linearly.

It falls to 0 in the scripts of Hewitt et al. (2024), with a warm-up of 3 %, and to a tenth of the peak in LIMA (Zhou et
al. 2023, section 3).
"""

import dataclasses
from typing import Annotated

import optax

from flan_jax.settings import Between
from flan_jax.training.schedules.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class Linear(Schedule):
    """From the peak to `end` times the peak."""

    end: Annotated[float, Between(0, 1)] = 0.0

    def after_warmup(self, peak: float, steps: int) -> optax.Schedule:
        return optax.linear_schedule(peak, self.end * peak, steps)
