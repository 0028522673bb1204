"""The interface of learning-rate schedules."""

import abc
import dataclasses

import optax

from flan_jax.settings import Settings


@dataclasses.dataclass(frozen=True)
class Schedule(Settings, abc.ABC):
    """The learning rate after the warm-up."""

    @abc.abstractmethod
    def after_warmup(self, peak: float, steps: int) -> optax.Schedule:
        """The learning rate of the `steps` steps after the warm-up, as a function of the steps since its end."""

    def learning_rate(self, peak: float, steps: int, warmup_steps: int) -> optax.Schedule:
        """The learning rate by step: linear from 0 to `peak` over the warm-up, then `after_warmup`."""
        after = self.after_warmup(peak, max(1, steps - warmup_steps))
        if not warmup_steps:
            return after
        return optax.join_schedules([optax.linear_schedule(0.0, peak, warmup_steps), after], [warmup_steps])
