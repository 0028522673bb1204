"""What the tunings of a study cost, before any of them starts."""

import dataclasses
from collections.abc import Iterable

from flan_jax.distributed.chips import CHIPS
from flan_jax.run import Run
from flan_jax.training.flops import BatchSize, training_flops

CPU_FLOPS = 3e10
"""What gin/runs/small.gin sustains on two cores of an AMD EPYC, evaluation not counted."""

CHIP, UTILISATION = 'TPU v4', 0.4
"""A chip, and the share of its peak that large decoders reach in training (Chowdhery et al. 2022, table 3)."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """Cost of the tunings, evaluation not counted.

    Attributes:
      tunings: models that are tuned.
      tokens: tokens that they read, padding included.
      flops: operations.
    """

    tunings: int
    tokens: float
    flops: float

    @property
    def cpu_hours(self) -> float:
        """On two CPU cores."""
        return self.flops / CPU_FLOPS / 3600

    @property
    def chip_hours(self) -> float:
        """On chips of kind `CHIP`, at `UTILISATION` of their peak."""
        return self.flops / (CHIPS[CHIP].flops * UTILISATION) / 3600


def cost_of(runs: Iterable[Run]) -> Cost:
    """The cost of runs; those that ask one model in several ways tune it once."""
    tunings = {run.model_dir: run for run in runs}.values()
    sizes = [BatchSize(r.training.batch_size, r.stream.sequence_length, r.stream.max_targets) for r in tunings]
    return Cost(
        tunings=len(sizes),
        tokens=sum(size.tokens * run.training.steps for size, run in zip(sizes, tunings)),
        flops=sum(
            training_flops(run.model, run.tuning, size) * run.training.steps for size, run in zip(sizes, tunings)
        ),
    )
