"""What a study costs, before any run of it starts."""

import dataclasses
import functools
import time
from collections.abc import Iterable

import jax
import jax.numpy as jnp

from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.forms import in_form
from flan_jax.distributed.chips import CHIPS
from flan_jax.errors import UnknownName
from flan_jax.evaluation.selection import chosen_templates, named_datasets
from flan_jax.run import Run
from flan_jax.settings import SettingsError
from flan_jax.studies.run_evaluation import evaluates
from flan_jax.training.flops import BatchSize, training_flops

CPU_UTILISATION = 0.2
"""The share that a step of gin/runs/small.gin reaches of what a large product does: 26 of 134 GFLOP/s on one core of an
Intel Xeon with AVX-512. On an AMD EPYC it was 34 of 103, a third."""

RUN_SECONDS = 45.0
"""Processor time of a run whatever its size, on that Xeon: reading data, proving the hold-out, compiling, reporting."""

TOKEN_SECONDS = 1.4e-5
"""Processor time of rendering, tokenizing and packing a token of a stream, padding included, on that Xeon."""

RANKED_SECONDS, WRITTEN_SECONDS = 2.5e-5, 5e-4
"""Processor time of evaluating an example, on that Xeon: for each token that its prompt may have where options are
ranked, and for each that its answer may have where it is written out."""

CHIP, UTILISATION = 'TPU v4', 0.4
"""A chip, and the share of its peak that large decoders reach in training (Chowdhery et al. 2022, table 3)."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """Cost of the runs of a study.

    Attributes:
      tunings: models that are tuned.
      tokens: tokens that they read, padding included.
      flops: operations of tuning.
      ranked: tokens that prompts may have, of all examples whose options are ranked.
      written: tokens that answers may have, of all examples whose answers are written out.
    """

    tunings: int
    tokens: float
    flops: float
    ranked: int = 0
    written: int = 0

    def core_hours(self, flops_per_second: float) -> float:
        """On CPU cores that tune with so much each, see `core_flops`; packing, evaluation and all else counted."""
        evaluating = self.ranked * RANKED_SECONDS + self.written * WRITTEN_SECONDS
        besides = self.tunings * RUN_SECONDS + self.tokens * TOKEN_SECONDS + evaluating
        return (self.flops / flops_per_second + besides) / 3600

    @property
    def chip_hours(self) -> float:
        """Of tuning alone, on chips of kind `CHIP`, at `UTILISATION` of their peak."""
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


def cost_of(runs: Iterable[Run], rows: int = 0) -> Cost:
    """The cost of runs; those that ask one model in several ways tune it once.

    Args:
      runs: the runs.
      rows: examples that a split of a dataset has; no more than a run's limit are evaluated, and none are counted of
        datasets that the catalogue does not know.

    Raises:
      SettingsError: if a run does not say how many steps it takes.
    """
    runs = list(runs)
    tunings = {run.model_dir: run for run in runs}.values()
    require_steps(tunings)
    sizes = [BatchSize(r.training.batch_size, r.stream.sequence_length, r.stream.max_targets) for r in tunings]
    ranked, written = _asked(runs, rows)
    return Cost(
        tunings=len(sizes),
        tokens=sum(size.tokens * run.training.num_steps for size, run in zip(sizes, tunings)),
        flops=sum(
            training_flops(run.model, run.tuning, size) * run.training.num_steps for size, run in zip(sizes, tunings)
        ),
        ranked=ranked,
        written=written,
    )


def _asked(runs: Iterable[Run], rows: int) -> tuple[int, int]:
    """Tokens of what is evaluated, ranked and written; what runs ask of a base model that they share, once."""
    ranked: dict[tuple, int] = {}
    written: dict[tuple, int] = {}
    for run in filter(evaluates, runs):
        settings = run.evaluation
        base = (settings.base_dir or run.model_dir, run.initial_checkpoint, run.model)
        per_template = min(settings.limit or rows, rows) * len(settings.splits) * len(settings.shots)
        for dataset in _declared(run):
            templates = chosen_templates(in_form(dataset, settings.instructions), settings.templates)
            kind, feature = (ranked, 'inputs') if dataset.has_options else (written, 'targets')
            for model in (base, run.model_dir):
                of_model = (model, dataset.name, settings.instructions, settings.shots)
                kind[of_model] = per_template * len(templates) * run.stream.lengths[feature]
    return sum(ranked.values()), sum(written.values())


def _declared(run: Run) -> list[Dataset]:
    """What a run evaluates; nothing where only prepared data declare it, which nobody has read yet."""
    try:
        return named_datasets(run.evaluation, run.data.held_out)
    except UnknownName:
        return []


def require_steps(runs: Iterable[Run]) -> None:
    """Raises SettingsError if a run does not say how many steps it takes."""
    if any(run.training.steps is None for run in runs):
        raise SettingsError(
            'Stream.epochs is set, but the cost of a study is computed from TRAIN_STEPS; set that instead'
        )
