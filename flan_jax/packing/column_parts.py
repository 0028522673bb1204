"""A column while it is computed: its parts on disk, so that what was killed does not begin anew."""

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
    """The parts of one column of a stream, in a folder beside it.

    Attributes:
      stream: whose column it is.
      name: of the column.
      model: fingerprint of what gives it.
      size: sequences of a part.
    """

    stream: PackedStream
    name: str
    model: str
    size: int

    @property
    def places(self) -> list[range]:
        """The sequences of each part."""
        count = len(self.stream)
        return [range(start, min(start + self.size, count)) for start in range(0, count, self.size)]

    def has(self, places: range) -> bool:
        """Whether a part is on disk."""
        return self._file(places).exists()

    def write(self, places: range, values: np.ndarray) -> None:
        """Puts a part on disk, float32 [n, R]; it is there when it is complete."""
        with whole_file(self._file(places)) as unfinished:
            unfinished.write_bytes(safetensors_numpy.save({_VALUES: np.ascontiguousarray(values, np.float32)}))

    def join(self) -> None:
        """Writes the column of all parts, which are removed, unless it is there.

        Raises:
          StreamError: for a part that cannot be read.
        """
        if column_file(self.stream, self.name, self.model).exists():
            return
        values = np.concatenate([self._read(places) for places in self.places])
        write_column(self.stream, self.name, self.model, values)
        self._folder.rmtree()

    def _read(self, places: range) -> np.ndarray:
        file = self._file(places)
        try:
            return safetensors_numpy.load(file.read_bytes())[_VALUES]
        except (safetensors.SafetensorError, LookupError) as error:
            raise StreamError(f'{file} cannot be read ({error}); remove it, and it is computed again') from error

    @property
    def _folder(self) -> epath.Path:
        column = column_file(self.stream, self.name, self.model)
        return column.with_name(f'{column.stem}.parts')

    def _file(self, places: range) -> epath.Path:
        """The places are in the name, so that parts of another size are not taken for these."""
        return self._folder / f'{places.start}-{places.stop}.safetensors'
