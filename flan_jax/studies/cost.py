"""Estimates the cost of a study before its runs."""

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
"""The FLOP/s of a step of gin/runs/small.gin relative to a large matrix product: 26 of 134 GFLOP/s on one core of an
Intel Xeon with AVX-512. On an AMD EPYC it was 34 of 103, a third."""

RUN_SECONDS = 45.0
"""Constant CPU time of a run on that Xeon: reading data, proving the hold-out, compiling, reporting."""

TOKEN_SECONDS = 1.4e-5
"""CPU time per token of a stream, padding included, for rendering, tokenizing and packing, on that Xeon."""

RANKED_SECONDS, WRITTEN_SECONDS = 2.5e-5, 5e-4
"""CPU time of evaluation on that Xeon: per token of a maximal prompt if options are ranked, and per token of a maximal
answer if answers are generated."""

CHIP, UTILISATION = 'TPU v4', 0.4
"""A chip, and the model FLOPs utilisation of large decoders in training (Chowdhery et al. 2022, table 3)."""


@dataclasses.dataclass(frozen=True)
class Cost:
    """Cost of the runs of a study.

    Attributes:
      tunings: number of models that are tuned.
      tokens: number of tokens in their streams, padding included.
      flops: floating-point operations of tuning.
      ranked: maximal prompt tokens, summed over all examples whose options are ranked.
      written: maximal answer tokens, summed over all examples whose answers are generated.
    """

    tunings: int
    tokens: float
    flops: float
    ranked: int = 0
    written: int = 0

    def core_hours(self, flops_per_second: float) -> float:
        """Core hours of tuning, packing, evaluation and all else, at so many FLOP/s per core, see `core_flops`."""
        evaluating = self.ranked * RANKED_SECONDS + self.written * WRITTEN_SECONDS
        besides = self.tunings * RUN_SECONDS + self.tokens * TOKEN_SECONDS + evaluating
        return (self.flops / flops_per_second + besides) / 3600

    @property
    def chip_hours(self) -> float:
        """Chip hours of tuning alone, on chips of kind `CHIP` at the utilisation `UTILISATION`."""
        return self.flops / (CHIPS[CHIP].flops * UTILISATION) / 3600


@functools.cache
def core_flops() -> float:
    """Estimated FLOP/s of training a small decoder on a core of this machine, per second of CPU time.

    It is the FLOP/s of the fastest of several products of 1024 x 1024 matrices, times `CPU_UTILISATION`. CPU time is
    not affected by other processes.
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
    """The cost of runs; a model that several runs evaluate is tuned once.

    Args:
      runs: the runs.
      rows: assumed number of examples in a dataset's split, of which a run's limit may leave fewer. Datasets that are
        not in the catalogue are not counted.

    Raises:
      SettingsError: if a run's number of steps is not set.
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
    """The tokens `ranked` and `written` of `Cost`; evaluations of a base model that runs share count once."""
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
    """The catalogue's datasets that a run evaluates; those declared in prepared data are not loaded yet."""
    try:
        return named_datasets(run.evaluation, run.data.held_out)
    except UnknownName:
        return []


def require_steps(runs: Iterable[Run]) -> None:
    """Raises SettingsError if a run's number of steps is not set."""
    if any(run.training.steps is None for run in runs):
        raise SettingsError(
            'Stream.epochs is set, but the cost of a study is computed from TRAIN_STEPS; set that instead'
        )
