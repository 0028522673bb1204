"""The training stream on disk: packed rows in an ArrayRecord file, named by the fingerprint of what made them.

Step s of a run reads rows [s * B, (s + 1) * B), whatever the number of processes, so the position in the stream is the
step. This module does not need TensorFlow.
"""

import dataclasses
import hashlib
import json
import tempfile
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import grain
import numpy as np
from array_record.python import array_record_module
from etils import epath

from flan_jax.errors import UserError
from flan_jax.packing.rows import Row, expand

ROWS_FILE = 'rows.array_record'
MANIFEST_FILE = 'stream.json'

_PREFETCH_STEPS = 4


class StreamError(UserError):
    """A stream is missing, incomplete, or not what a run expects."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamManifest:
    """What a stream was made from, and what came out.

    Attributes:
      recipe: everything the rows depend on; its digest names the stream.
      tasks: names of the tasks that segments refer to by index.
      clusters: names of the clusters.
      cluster_of_task: cluster index of every task.
      rows: number of rows.
      sequence_length: tokens in a row.
      max_targets: target tokens in a row at most.
      examples: number of examples of each task in the rows.
      density: share of the rows' positions that hold a token.
      target_share: share of the tokens that are targets.
      epochs: how often each task's training rows were drawn on average, where their number is known.
    """

    recipe: Mapping[str, Any]
    tasks: Sequence[str]
    clusters: Sequence[str]
    cluster_of_task: Sequence[int]
    rows: int
    sequence_length: int
    max_targets: int
    examples: Sequence[int]
    density: float
    target_share: float
    epochs: Mapping[str, float]

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that stand for the recipe."""
        return fingerprint(self.recipe)


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """The digest that names the stream made by a recipe."""
    canonical = json.dumps(recipe, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def write(folder: epath.Path, rows: Iterable[Row], make_manifest) -> StreamManifest:
    """Writes a stream; the folder appears only when it is complete.

    Args:
      folder: where the stream shall be.
      rows: the rows, consumed once.
      make_manifest: called without arguments when all rows are written; returns the manifest.

    Raises:
      OSError: if the folder cannot be written; nothing is left behind then.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='flan_jax_stream_') as scratch:
        local = epath.Path(scratch) / ROWS_FILE
        writer = array_record_module.ArrayRecordWriter(str(local), 'group_size:1')
        for row in rows:
            writer.write(row.to_bytes())
        writer.close()
        manifest = make_manifest()
        (epath.Path(scratch) / MANIFEST_FILE).write_text(json.dumps(dataclasses.asdict(manifest), indent=2))
        _publish(epath.Path(scratch), folder)
    return manifest


def _publish(scratch: epath.Path, folder: epath.Path) -> None:
    """Copies a finished stream beside its place, then renames it into place."""
    unfinished = folder.parent / f'.{folder.name}.unfinished'
    if unfinished.exists():
        unfinished.rmtree()
    try:
        unfinished.mkdir()
        for name in (ROWS_FILE, MANIFEST_FILE):
            (scratch / name).copy(unfinished / name)
        unfinished.rename(folder)
    except OSError:
        if unfinished.exists():
            unfinished.rmtree()
        raise


def _on_disk(rows: epath.Path) -> epath.Path:
    """The rows where ArrayRecord can read them: what lies in a bucket is copied once to the machine's own disk."""
    if '://' not in str(rows):
        return rows
    copied = epath.Path(tempfile.gettempdir()) / 'flan_jax_streams' / rows.parent.name / rows.name
    if not copied.exists():
        copied.parent.mkdir(parents=True, exist_ok=True)
        unfinished = copied.parent / f'.{uuid.uuid4().hex}'
        rows.copy(unfinished)
        unfinished.replace(copied)
    return copied


class PackedStream:
    """A stream on disk, read by index."""

    def __init__(self, folder: epath.PathLike):
        """Opens the stream in `folder`; raises StreamError if there is none."""
        self.folder = epath.Path(folder)
        if not (self.folder / MANIFEST_FILE).exists():
            raise StreamError(f'no stream in {self.folder}; `flan-jax pack` writes it')
        self.manifest = StreamManifest(**json.loads((self.folder / MANIFEST_FILE).read_text()))
        self._source = grain.sources.ArrayRecordDataSource([str(_on_disk(self.folder / ROWS_FILE))])
        if len(self._source) != self.manifest.rows:
            raise StreamError(
                f'{self.folder} holds {len(self._source)} rows, its manifest says {self.manifest.rows}; '
                'remove the folder and pack again'
            )

    def __len__(self) -> int:
        return len(self._source)

    def rows(self, start: int, stop: int) -> list[Row]:
        """Rows [start, stop)."""
        return [Row.from_bytes(data) for data in self._source.__getitems__(range(start, stop))]

    def batch(self, step: int, batch_size: int, indices: Sequence[int] | None = None) -> Mapping[str, np.ndarray]:
        """The arrays of one step's sequences `indices`, of all by default; see `rows.expand`."""
        chosen = range(batch_size) if indices is None else indices
        rows = [
            Row.from_bytes(data) for data in self._source.__getitems__([step * batch_size + int(i) for i in chosen])
        ]
        return expand(rows, self.manifest.sequence_length, self.manifest.cluster_of_task)

    def batches(self, start_step: int, stop_step: int, batch_size: int, indices: Sequence[int] | None = None):
        """An iterator over the batches of steps [start_step, stop_step), read ahead in threads by Grain.

        Raises:
          StreamError: if the stream is too short.
        """
        if stop_step * batch_size > len(self):
            raise StreamError(
                f'{self.folder} holds {len(self)} rows; {stop_step} steps of {batch_size} rows need '
                f'{stop_step * batch_size}'
            )
        steps = grain.MapDataset.range(start_step, stop_step)
        batches = steps.map(lambda step: self.batch(int(step), batch_size, indices))
        return iter(batches.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=_PREFETCH_STEPS)))
