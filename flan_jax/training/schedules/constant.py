"""A constant learning rate, as in FLAN (section 2.4)."""

import dataclasses

import optax

from flan_jax.training.schedules.schedule import Schedule


@dataclasses.dataclass(frozen=True)
class Constant(Schedule):
    """The peak learning rate at all steps."""

    def after_warmup(self, peak: float, steps: int) -> optax.Schedule:
        return optax.constant_schedule(peak)
