"""The sequences of a stream as bytes, in ArrayRecord files of 65,536 sequences, opened when they are first read.

The time to open a file grows with its size. With several files, opening a stream does not depend on its length, and a
process that reads from a bucket copies only the files that it needs.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator, Sequence

import grain
import safetensors
from array_record.python import array_record_module
from etils import epath

from flan_jax.errors import UserError
from flan_jax.files import cache_folder, in_bucket, whole_file

STORAGE = 3
"""Version of the format of sequences and of how examples become sequences."""

SEQUENCES_PER_FILE = 1 << 16
"""Our choice: a file with half as many opens in 8 ms."""

PACK_AGAIN = 'remove the folder and give the command again: the same sequences are packed anew'

_DAMAGE = (safetensors.SafetensorError, ValueError, IndexError, RuntimeError, OSError, EOFError)
"""Errors of readers for files that were truncated or changed."""


class StreamError(UserError):
    """A stream is missing, incomplete, or not what a run expects."""


def file_name(number: int) -> str:
    """The name of the file of sequences [number * 65,536, (number + 1) * 65,536)."""
    return f'sequences-{number:05}.array_record'


def write_sequences(folder: epath.Path, sequences: Iterable[bytes]) -> None:
    """Writes the files of a stream into a folder on disk; `sequences` are consumed once.

    Raises:
      OSError: if the folder cannot be written.
    """
    for number, part in itertools.groupby(enumerate(sequences), lambda pair: pair[0] // SEQUENCES_PER_FILE):
        writer = array_record_module.ArrayRecordWriter(str(folder / file_name(number)), 'group_size:1')
        for _, sequence in part:
            writer.write(sequence)
        writer.close()


class SequenceFiles:
    """The files of a stream, read by index."""

    def __init__(self, folder: epath.Path, sequences: int):
        """Finds the files of a stream with this number of sequences, and opens the last one.

        Raises:
          StreamError: if a file is missing, or the last is damaged or has another number of sequences.
        """
        self._folder, self._sequences = folder, sequences
        self._sources: dict[int, grain.sources.ArrayRecordDataSource] = {}
        count = -(-sequences // SEQUENCES_PER_FILE)
        existing = {path.name for path in folder.iterdir()}
        for name in map(file_name, range(count)):
            if name not in existing:
                raise StreamError(f'{folder / name} is missing; {PACK_AGAIN}')
        if count:
            self._source(count - 1)

    def read(self, indices: Sequence[int]) -> list[bytes]:
        """The sequences of these indices, in their order; raises StreamError if a file is damaged."""
        found: dict[int, bytes] = {}
        for number, group in itertools.groupby(sorted(set(indices)), lambda index: index // SEQUENCES_PER_FILE):
            in_file = list(group)
            source = self._source(number)
            with named_damage(self._folder / file_name(number)):
                found |= zip(in_file, source.__getitems__([index % SEQUENCES_PER_FILE for index in in_file]))
        return [found[index] for index in indices]

    def _source(self, number: int) -> grain.sources.ArrayRecordDataSource:
        if number not in self._sources:
            file = self._folder / file_name(number)
            here = on_disk(file)  # outside `named_damage`: a full disk or an unreachable bucket is not damage
            with named_damage(file):
                source = grain.sources.ArrayRecordDataSource([str(here)])
                held = len(source)
            expected = min(SEQUENCES_PER_FILE, self._sequences - number * SEQUENCES_PER_FILE)
            if held != expected:
                raise StreamError(f'{file} holds {held} sequences, by its manifest it is {expected}; {PACK_AGAIN}')
            self._sources[number] = source
        return self._sources[number]


@contextlib.contextmanager
def named_damage(file: epath.Path) -> Iterator[None]:
    """Turns errors of reading a damaged file into StreamError."""
    try:
        yield
    except _DAMAGE as error:
        message = f'{type(error).__name__}: {str(error)[:200]}'
        raise StreamError(f'{file} is damaged ({message}); {PACK_AGAIN}') from error


def on_disk(file: epath.Path) -> epath.Path:
    """A local copy for libraries that cannot read buckets: a file in a bucket is copied once to the user's cache."""
    if not in_bucket(file):
        return file
    copied = cache_folder('streams') / file.parent.name / file.name
    if not copied.exists():
        with whole_file(copied) as unfinished:
            file.copy(unfinished)
    return copied
