"""What the tunings of a study cost, before any of them starts."""

import dataclasses
import functools
import time
from collections.abc import Iterable

import jax
import jax.numpy as jnp

from flan_jax.distributed.chips import CHIPS
from flan_jax.run import Run
from flan_jax.settings import SettingsError
from flan_jax.training.flops import BatchSize, training_flops

CPU_UTILISATION = 0.33
"""The share that a step of gin/runs/small.gin reaches of what a large product does: 34 of 103 GFLOP/s on one core of an
AMD EPYC with AVX-512."""

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

    def core_hours(self, flops_per_second: float) -> float:
        """On CPU cores that each sustain so much, see `core_flops`."""
        return self.flops / flops_per_second / 3600

    @property
    def chip_hours(self) -> float:
        """On chips of kind `CHIP`, at `UTILISATION` of their peak."""
        return self.flops / (CHIPS[CHIP].flops * UTILISATION) / 3600


@functools.cache
def core_flops() -> float:
    """Operations that training a small decoder should sustain on a core of this machine, per second of processor time.

    Measured: the cheapest of several products of 1024 x 1024 matrices, times `CPU_UTILISATION`. Processor time does not
    count what else the machine is doing.
    """
    size, best = 1024, float('inf')
    product, matrix = jax.jit(jnp.matmul), jnp.ones((size, size))
    product(matrix, matrix).block_until_ready()  # compiles
    for _ in range(8):
        started = time.process_time()
        product(matrix, matrix).block_until_ready()
        best = min(best, time.process_time() - started)
    return CPU_UTILISATION * 2 * size**3 / best


def cost_of(runs: Iterable[Run]) -> Cost:
    """The cost of runs; those that ask one model in several ways tune it once.

    Raises:
      SettingsError: if a run does not say how many steps it takes.
    """
    tunings = {run.model_dir: run for run in runs}.values()
    require_steps(tunings)
    sizes = [BatchSize(r.training.batch_size, r.stream.sequence_length, r.stream.max_targets) for r in tunings]
    return Cost(
        tunings=len(sizes),
        tokens=sum(size.tokens * run.training.num_steps for size, run in zip(sizes, tunings)),
        flops=sum(
            training_flops(run.model, run.tuning, size) * run.training.num_steps for size, run in zip(sizes, tunings)
        ),
    )


def require_steps(runs: Iterable[Run]) -> None:
    """Raises SettingsError if a run does not say how many steps it takes."""
    if any(run.training.steps is None for run in runs):
        raise SettingsError('Stream.epochs: a study says what it costs before it starts; set TRAIN_STEPS in its place')
