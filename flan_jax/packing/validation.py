"""Validation examples, packed into batches, to measure the loss during training."""

import itertools
from collections.abc import Iterator

import numpy as np
import seqio

from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.cuts import Cuts
from flan_jax.data.mixtures import TuningMixture
from flan_jax.data.source import MissingDataError
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.packing.seqio_examples import fetch_ragged, to_examples
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import StreamManifest, lay_out_batch


def validated_tasks(mixture: TuningMixture) -> tuple[list[str], list[str]]:
    """Names of a mixture's tasks with validation examples, and of those without."""
    tasks = mixture.seqio.tasks
    with_examples = [task.name for task in tasks if 'validation' in task.splits]
    return with_examples, [task.name for task in tasks if 'validation' not in task.splits]


def validation_batches(
    mixture: TuningMixture, settings: Stream, manifest: StreamManifest, examples: int, batch_size: int
) -> list[dict[str, np.ndarray]]:
    """Batches of the first `examples` validation examples of every task, each in one template.

    Raises:
      MissingDataError: if no task has validation examples.
    """
    names, _ = validated_tasks(mixture)
    if not names:
        raise MissingDataError('no dataset that is tuned on has validation examples')
    read = itertools.chain.from_iterable(
        itertools.islice(_validation_examples(task, index, settings), examples)
        for index, task in enumerate(mixture.seqio.tasks)
        if task.name in names
    )
    sequences = list(pack(read, settings.sequence_length, settings.max_targets, settings.window))
    return [
        lay_out_batch(
            manifest,
            sequences[start : start + batch_size],
            range(start, min(start + batch_size, len(sequences))),
            batch_size,
        )
        for start in range(0, len(sequences), batch_size)
    ]


def _validation_examples(task: seqio.Task, index: int, settings: Stream) -> Iterator[Example]:
    examples = read_examples(task, settings.lengths, split='validation', shuffle=False, seed=settings.seed)
    return to_examples(fetch_ragged(examples, task.name), index, Cuts().keep)
