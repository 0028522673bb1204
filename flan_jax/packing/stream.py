"""The training stream on disk: packed sequences in ArrayRecord files, named by the fingerprint of what made them.

Step s of a run reads sequences [s * B, (s + 1) * B), whatever the number of processes, so the position in the stream is
the step. This module does not need TensorFlow.
"""

import copy
import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import grain
import numpy as np
from etils import epath

from flan_jax.files import publish, read_json, unfinished_folder
from flan_jax.packing.example import PackedSequence
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.packing.sequence_files import PACK_AGAIN, SequenceFiles, StreamError, named_damage, write_sequences
from flan_jax.settings import fingerprint

MANIFEST_FILE = 'stream.json'

_PREFETCH_STEPS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamManifest:
    """What a stream was made from, and what came out.

    Attributes:
      recipe: everything the sequences depend on; its digest names the stream.
      tasks: names of the tasks that segments refer to by index.
      clusters: names of the clusters.
      cluster_of_task: cluster index of every task.
      sequences: number of sequences.
      sequence_length: tokens in a sequence.
      max_targets: target tokens in a sequence at most.
      examples: number of examples of each task.
      cuts: task name to what was cut of its examples while they were sampled, see `flan_jax.data.cuts.Cuts`; some of
        them wait for a place when the last sequence is full, and are not in the stream.
      density: share of the positions that hold a token.
      target_share: share of the tokens that are targets.
      epochs: how often each task's training examples were sampled on average, where their number is known.
      chains: whether every example has one response, so that no sequence branches.
      responses_per_sequence: responses in a sequence at most, where something is kept for each; else 0.
    """

    recipe: Mapping[str, Any]
    tasks: Sequence[str]
    clusters: Sequence[str]
    cluster_of_task: Sequence[int]
    sequences: int
    sequence_length: int
    max_targets: int
    examples: Sequence[int]
    density: float
    target_share: float
    epochs: Mapping[str, float]
    chains: bool = True
    responses_per_sequence: int = 0
    cuts: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that stand for the recipe."""
        return fingerprint(self.recipe)

    @property
    def num_epochs(self) -> int | None:
        """How often every example is read; None for a stream that ends somewhere in an endless mixture."""
        return self.recipe.get('epochs')


def write(folder: epath.Path, sequences: Iterable[PackedSequence], make_manifest) -> StreamManifest:
    """Writes a stream; the folder appears only when it is complete, and stays as it is where another run was first.

    Args:
      folder: where the stream shall be.
      sequences: what to write, consumed once.
      make_manifest: called without arguments when all are written; returns the manifest.

    Raises:
      OSError: if the folder cannot be written; nothing is left behind then.
    """
    with unfinished_folder(folder, on_disk=True) as unfinished:
        write_sequences(unfinished, (sequence.to_bytes() for sequence in sequences))
        manifest = make_manifest()
        (unfinished / MANIFEST_FILE).write_text(json.dumps(dataclasses.asdict(manifest), indent=2))
        publish(unfinished, folder, marker=MANIFEST_FILE)
    return manifest


def holds_streams(directory: epath.PathLike) -> bool:
    """Whether any stream in a directory is complete; it may be read-only then, as packing finds what it needs there."""
    directory = epath.Path(directory)
    return directory.is_dir() and any((folder / MANIFEST_FILE).exists() for folder in directory.iterdir())


def _read_manifest(folder: epath.Path) -> StreamManifest:
    content = read_json(folder / MANIFEST_FILE, PACK_AGAIN)
    try:
        return StreamManifest(**content)
    except TypeError as error:
        raise StreamError(
            f'{folder / MANIFEST_FILE} is damaged, or of another version: {error}; {PACK_AGAIN}'
        ) from error


def lay_out_batch(
    manifest: StreamManifest, sequences: Sequence[PackedSequence], places: Sequence[int], size: int | None = None
) -> dict[str, np.ndarray]:
    """The arrays of sequences as `PackedStream.batch` gives them; up to `size` sequences, the rest padding."""
    size = size or len(sequences)
    shape = Shape(size, manifest.sequence_length, manifest.max_targets, manifest.responses_per_sequence)
    batch = lay_out([sequence.examples() for sequence in sequences], shape)
    batch['sequence_ids'] = np.resize(np.asarray(places, np.int32), size)
    batch['cluster_ids'] = np.asarray(manifest.cluster_of_task, np.int32)[batch.pop('tasks')]
    if manifest.chains:
        del batch['segment_exits']  # segments alone are cheaper to compute
    return batch


class PackedStream:
    """A stream on disk, read by index."""

    def __init__(self, folder: epath.PathLike):
        """Opens the stream in `folder`; raises StreamError if there is none."""
        self.folder = epath.Path(folder)
        if not (self.folder / MANIFEST_FILE).exists():
            raise StreamError(f'no stream in {self.folder}; `flan-jax pack` writes it')
        self.manifest = _read_manifest(self.folder)
        self._columns: Mapping[str, Any] = {}
        self._files = SequenceFiles(self.folder, self.manifest.sequences)

    def __len__(self) -> int:
        return self.manifest.sequences

    def with_columns(self, columns: Mapping[str, Any]) -> 'PackedStream':
        """The same stream, whose batches also have these annotations; see `flan_jax.packing.columns.Column`."""
        other = copy.copy(self)
        other._columns = {**self._columns, **columns}
        return other

    @functools.cached_property
    def _annotations(self) -> tuple[str, ...]:
        """Names of what is kept for each response, which batches of nothing but padding have, too."""
        return tuple(self.sequences([0])[0].annotations) if self.manifest.responses_per_sequence else ()

    def sequences(self, indices: Sequence[int]) -> list[PackedSequence]:
        """The sequences of these indices."""
        stored = self._files.read(indices)
        with named_damage(self.folder):
            return [PackedSequence.from_bytes(data) for data in stored]

    def batch(self, step: int, batch_size: int, indices: Sequence[int] | None = None) -> dict[str, np.ndarray]:
        """The arrays of one step, see `layout.lay_out`.

        With them are the cluster of every predicted token, cluster_ids [B, P], the place of every sequence in the
        stream, sequence_ids [B], and the numbers of columns, [B, R]. After the end of the stream are sequences of
        padding, whose weights are 0.

        Args:
          step: updates done before it.
          batch_size: sequences in a step, over all processes.
          indices: which of them to read; None for all.
        """
        indices = range(batch_size) if indices is None else indices
        places = [step * batch_size + index for index in indices]
        there = [place for place in places if place < len(self)]
        batch = lay_out_batch(self.manifest, self.sequences(there), places, len(places))
        padding = np.zeros((len(places), self.manifest.responses_per_sequence), np.float32)
        columns = {name: column.rows(places) for name, column in self._columns.items()}
        return dict.fromkeys(self._annotations, padding) | batch | columns

    def batches(
        self, start_step: int, stop_step: int, batch_size: int, indices: Sequence[int] | None = None
    ) -> Iterator[dict[str, np.ndarray]]:
        """The batches of steps [start_step, stop_step), read ahead in a thread by Grain; arguments as of `batch`.

        The last step of a stream of whole epochs may be filled up with padding.

        Raises:
          StreamError: if the stream is too short.
        """
        padding = -len(self) % batch_size if self.manifest.num_epochs else 0
        if stop_step * batch_size > len(self) + padding:
            raise StreamError(
                f'{self.folder} holds {len(self)} sequences; {stop_step} steps of {batch_size} need '
                f'{stop_step * batch_size}'
            )
        steps = grain.MapDataset.range(start_step, stop_step)
        batches = steps.map(lambda step: self.batch(int(step), batch_size, indices))
        return iter(batches.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=_PREFETCH_STEPS)))
