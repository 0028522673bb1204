"""A column that is being computed: its finished parts on disk, so that a killed computation resumes."""

import dataclasses

import numpy as np
import safetensors
from etils import epath
from safetensors import numpy as safetensors_numpy

from flan_jax.files import whole_file
from flan_jax.packing.columns import column_file, write_column
from flan_jax.packing.stream import PackedStream, StreamError

_VALUES = 'values'


@dataclasses.dataclass(frozen=True)
class ColumnParts:
    """The parts of one column of a stream, in a folder next to it.

    Attributes:
      stream: the stream.
      name: name of the column.
      model: fingerprint of the model that the numbers come from.
      size: sequences of a part.
    """

    stream: PackedStream
    name: str
    model: str
    size: int

    @property
    def ranges(self) -> list[range]:
        """The indices of the sequences of each part."""
        count = len(self.stream)
        return [range(start, min(start + self.size, count)) for start in range(0, count, self.size)]

    def has(self, indices: range) -> bool:
        """Whether a part is on disk."""
        return self._file(indices).exists()

    def write(self, indices: range, values: np.ndarray) -> None:
        """Writes a part, float32 [n, R], atomically."""
        with whole_file(self._file(indices)) as unfinished:
            unfinished.write_bytes(safetensors_numpy.save({_VALUES: np.ascontiguousarray(values, np.float32)}))

    def join(self) -> None:
        """Joins all parts to the column and removes them; does nothing if the column exists.

        Raises:
          StreamError: if a part cannot be read.
        """
        if column_file(self.stream, self.name, self.model).exists():
            return
        values = np.concatenate([self._read(indices) for indices in self.ranges])
        write_column(self.stream, self.name, self.model, values)
        self._folder.rmtree()

    def _read(self, indices: range) -> np.ndarray:
        file = self._file(indices)
        try:
            return safetensors_numpy.load(file.read_bytes())[_VALUES]
        except (safetensors.SafetensorError, LookupError) as error:
            raise StreamError(f'{file} cannot be read ({error}); remove it, and it is computed again') from error

    @property
    def _folder(self) -> epath.Path:
        column = column_file(self.stream, self.name, self.model)
        return column.with_name(f'{column.stem}.parts')

    def _file(self, indices: range) -> epath.Path:
        """The file of a part; its name has the indices, so that parts of another size are not confused with it."""
        return self._folder / f'{indices.start}-{indices.stop}.safetensors'
