"""The training stream on disk: packed sequences in ArrayRecord files, named by the fingerprint of their recipe.

Step s of a run with batch size B reads sequences [s * B, (s + 1) * B), whatever the number of processes. The position
in the stream is therefore given by the step. This module does not need TensorFlow.
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
    """The recipe and statistics of a stream.

    Attributes:
      recipe: everything that the sequences depend on; its fingerprint names the stream.
      tasks: names of the tasks, which examples refer to by index.
      clusters: names of the clusters.
      cluster_of_task: cluster index of every task.
      sequences: number of sequences.
      sequence_length: tokens in a sequence.
      max_targets: maximal target tokens in a sequence.
      examples: number of examples of each task.
      cuts: how examples of each task were cut, see `flan_jax.data.cuts.Cuts`. It counts all sampled examples, including
        those in sequences that were still open when the stream was complete.
      density: share of the positions that hold a token.
      target_share: share of the tokens that are targets.
      epochs: epochs of each task's training examples, if their number is known.
      chains: whether every example has one response, so that no tree branches.
      responses_per_sequence: maximal responses in a sequence; 0 if all examples are chains.
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
        """The recipe's fingerprint, sixteen hexadecimal digits."""
        return fingerprint(self.recipe)

    @property
    def num_epochs(self) -> int | None:
        """Number of epochs; None for a stream of an endless mixture."""
        return self.recipe.get('epochs')


def write(folder: epath.Path, sequences: Iterable[PackedSequence], make_manifest) -> StreamManifest:
    """Writes a stream atomically; if another run has written it in the meantime, that one is kept.

    Args:
      folder: folder of the stream.
      sequences: the sequences, consumed once.
      make_manifest: called without arguments after the last sequence; returns the manifest.

    Raises:
      OSError: if the folder cannot be written; leaves nothing behind.
    """
    with unfinished_folder(folder, on_disk=True) as unfinished:
        write_sequences(unfinished, (sequence.to_bytes() for sequence in sequences))
        manifest = make_manifest()
        (unfinished / MANIFEST_FILE).write_text(json.dumps(dataclasses.asdict(manifest), indent=2))
        publish(unfinished, folder, marker=MANIFEST_FILE)
    return manifest


def holds_streams(directory: epath.PathLike) -> bool:
    """Whether a directory holds any complete stream; if so, it may be read-only."""
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
    manifest: StreamManifest, sequences: Sequence[PackedSequence], indices: Sequence[int], size: int | None = None
) -> dict[str, np.ndarray]:
    """The arrays of sequences with these indices, as in `PackedStream.batch`, padded to `size` sequences."""
    size = size or len(sequences)
    shape = Shape(size, manifest.sequence_length, manifest.max_targets, manifest.responses_per_sequence)
    batch = lay_out([sequence.examples() for sequence in sequences], shape)
    batch['sequence_ids'] = np.resize(np.asarray(indices, np.int32), size)
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
        """The stream with these annotations added to batches; see `flan_jax.packing.columns.Column`."""
        other = copy.copy(self)
        other._columns = {**self._columns, **columns}
        return other

    @functools.cached_property
    def _annotations(self) -> tuple[str, ...]:
        """Names of the stored annotations, which batches of padding must have, too."""
        return tuple(self.sequences([0])[0].annotations) if self.manifest.responses_per_sequence else ()

    def sequences(self, indices: Sequence[int]) -> list[PackedSequence]:
        """The sequences of these indices."""
        stored = self._files.read(indices)
        with named_damage(self.folder):
            return [PackedSequence.from_bytes(data) for data in stored]

    def batch(self, step: int, batch_size: int, indices: Sequence[int] | None = None) -> dict[str, np.ndarray]:
        """The arrays of one step, see `layout.lay_out`.

        In place of tasks there are cluster_ids, int32 [B, P], the cluster of every label. Added are sequence_ids, int32
        [B], the index of every sequence in the stream, and the numbers of columns, float32 [B, R]. Sequences after the
        end of the stream are padding with weight 0.

        Args:
          step: number of updates before it.
          batch_size: sequences in a step, over all processes.
          indices: which sequences of the batch to read; None for all.
        """
        in_batch = range(batch_size) if indices is None else indices
        in_stream = [step * batch_size + index for index in in_batch]
        existing = [index for index in in_stream if index < len(self)]
        batch = lay_out_batch(self.manifest, self.sequences(existing), in_stream, len(in_stream))
        padding = np.zeros((len(in_stream), self.manifest.responses_per_sequence), np.float32)
        columns = {name: column.rows(in_stream) for name, column in self._columns.items()}
        return dict.fromkeys(self._annotations, padding) | batch | columns

    def batches(
        self, start_step: int, stop_step: int, batch_size: int, indices: Sequence[int] | None = None
    ) -> Iterator[dict[str, np.ndarray]]:
        """The batches of steps [start_step, stop_step), prefetched in a thread by Grain; arguments as in `batch`.

        The last batch of a stream of whole epochs is padded, if necessary.

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
