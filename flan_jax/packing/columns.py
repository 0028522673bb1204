"""Columns of a stream: a number for every response, computed once by a model and stored next to the sequences.

A column is one safetensors file in the stream's folder. Its name and header identify the model and the stream. It is
memory-mapped and read by index of sequences, so that a resumed run reads the same numbers.
"""

import dataclasses
import functools

import numpy as np
import safetensors
from etils import epath
from safetensors import numpy as safetensors_numpy

from flan_jax.files import require_space, require_writable, whole_file
from flan_jax.packing.sequence_files import on_disk
from flan_jax.packing.stream import PackedStream, StreamError

_VALUES = 'values'


@dataclasses.dataclass(frozen=True)
class Column:
    """One number for each response of every sequence.

    Attributes:
      file: its file.
    """

    file: epath.Path

    def rows(self, indices: list[int]) -> np.ndarray:
        """The numbers of these sequences, float32 [n, R]; 0 for padding."""
        num_sequences, num_responses = self.shape
        padding = np.zeros(num_responses, np.float32)  # after the end of the stream
        return np.stack([self._values[index] if index < num_sequences else padding for index in indices])

    @functools.cached_property
    def _opened(self):
        return safetensors.safe_open(str(on_disk(self.file)), 'numpy')

    @functools.cached_property
    def _values(self):
        return self._opened.get_slice(_VALUES)

    @property
    def made_of(self) -> dict[str, str]:
        """The fingerprints of model and stream."""
        return self._opened.metadata()

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self._values.get_shape())


def column_file(stream: PackedStream, name: str, model: str) -> epath.Path:
    """The file of a column by its name and the fingerprint of its model."""
    return stream.folder / f'{name}-{model}.safetensors'


def require_space_for_column(stream: PackedStream) -> None:
    """Raises UserError unless a column can be written next to a stream."""
    require_writable(stream.folder, 'Stream.directory')
    size = 4 * len(stream) * stream.manifest.responses_per_sequence
    require_space(stream.folder, size, 'Stream.directory', 'log-probabilities by the reference model')


def write_column(stream: PackedStream, name: str, model: str, values: np.ndarray) -> None:
    """Writes a column of a model, float32 [sequences, R], atomically."""
    made_of = {'model': model, 'stream': stream.manifest.fingerprint}
    with whole_file(column_file(stream, name, model)) as unfinished:
        unfinished.write_bytes(safetensors_numpy.save({_VALUES: np.ascontiguousarray(values, np.float32)}, made_of))


def read_column(stream: PackedStream, name: str, model: str) -> Column:
    """The column of a model.

    Raises:
      StreamError: if it does not exist, cannot be read, or belongs to another model or stream; gives the fingerprints.
    """
    file = column_file(stream, name, model)
    if not file.exists():
        raise StreamError(f'{file}: no such column; `flan-jax pack --reference` writes it')
    column = Column(file)
    try:
        made_of, shape = column.made_of, column.shape
    except (safetensors.SafetensorError, OSError) as error:
        raise StreamError(f'{file} cannot be read ({error}); remove it, and it is computed again') from error
    expected = {'model': model, 'stream': stream.manifest.fingerprint}
    if made_of != expected or shape != (len(stream), stream.manifest.responses_per_sequence):
        raise StreamError(
            f'{file} does not belong here: it is of model {made_of.get("model")} and stream {made_of.get("stream")}, '
            f'{shape[0]} sequences; expected model {model} and stream {stream.manifest.fingerprint}, {len(stream)} '
            'sequences; remove it, and it is computed again'
        )
    return column
