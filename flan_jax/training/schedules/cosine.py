"""A learning rate that falls as half a cosine (Loshchilov & Hutter 2017); Hewitt et al. (2024) warm up for 10 %."""

import dataclasses
from typing import Annotated

import optax

from flan_jax.settings import Between
from flan_jax.training.schedules.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class Cosine(Schedule):
    """From the peak to `end` times the peak."""

    end: Annotated[float, Between(0, 1)] = 0.0

    def after_warmup(self, peak: float, steps: int) -> optax.Schedule:
        return optax.cosine_decay_schedule(peak, steps, self.end)
