"""Held-out rankings, packed like training data, to measure whether preferences are learned."""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.cuts import Cuts
from flan_jax.data.mixtures import TuningMixture
from flan_jax.packing.batch import PackedBatch
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.packing.seqio_examples import fetch_ragged, to_examples
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import StreamManifest

MOST = 1000
"""Maximal number of test examples per task."""


def held_out_batches(
    mixture: TuningMixture, settings: Stream, manifest: StreamManifest, batch_size: int
) -> list[PackedBatch]:
    """Batches of the first `MOST` test examples of every task; empty if no task has any."""
    tasks = [(index, task) for index, task in enumerate(mixture.seqio.tasks) if 'test' in task.splits]
    read = itertools.chain.from_iterable(_examples(task, index, settings) for index, task in tasks)
    packed = pack(read, settings.sequence_length, settings.max_targets, settings.window)
    sequences = [sequence.examples() for sequence in packed]
    most = max((sum(len(ex.responses) for ex in examples) for examples in sequences), default=0)
    shape = Shape(batch_size, settings.sequence_length, settings.max_targets, most)
    clusters = np.asarray(manifest.cluster_of_task, np.int32)
    parts = [sequences[start : start + batch_size] for start in range(0, len(sequences), batch_size)]
    return [PackedBatch(part, _with_clusters(lay_out(part, shape), clusters)) for part in parts]


def _examples(task, index: int, settings: Stream) -> Iterator[Example]:
    examples = read_examples(task, settings.lengths, split='test', shuffle=False, seed=settings.seed)
    return to_examples(fetch_ragged(examples.take(MOST), task.name), index, Cuts().keep)


def _with_clusters(batch: Mapping[str, np.ndarray], clusters: np.ndarray) -> dict[str, np.ndarray]:
    ids = {name: value for name, value in batch.items() if name != 'tasks'}
    sequence_ids = np.arange(len(batch['tokens']), dtype=np.int32)
    return ids | {'cluster_ids': clusters[batch['tasks']], 'sequence_ids': sequence_ids}
