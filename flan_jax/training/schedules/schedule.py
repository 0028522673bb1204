"""What a schedule is: how the learning rate goes on after it has risen to its peak."""

import abc
import dataclasses

import optax

from flan_jax.settings import Settings


@dataclasses.dataclass(frozen=True)
class Schedule(Settings, abc.ABC):
    """How the learning rate goes on after the warm-up."""

    @abc.abstractmethod
    def after_warmup(self, peak: float, steps: int) -> optax.Schedule:
        """The learning rate of each step after the warm-up, of which there are `steps`."""

    def learning_rate(self, peak: float, steps: int, warmup_steps: int) -> optax.Schedule:
        """The learning rate by step: from 0 to `peak` over the warm-up, then as the schedule says until `steps`."""
        after = self.after_warmup(peak, max(1, steps - warmup_steps))
        if not warmup_steps:
            return after
        return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup_steps), after], [warmup_steps])
