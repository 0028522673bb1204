"""The sequences of a stream as bytes, in ArrayRecord files of 65,536, each opened when it is first read.

Opening a file takes time in step with what it holds, so opening a stream at its end takes the same however long it is,
and a process that reads from a bucket copies what it reads.
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
"""Version of how sequences are made of examples and stored."""

SEQUENCES_PER_FILE = 1 << 16
"""Ours: one that is half full opens in 8 ms."""

PACK_AGAIN = 'remove the folder and give the command again: the same sequences are packed anew'

_DAMAGE = (safetensors.SafetensorError, ValueError, IndexError, RuntimeError, OSError, EOFError)
"""What readers raise at a file that is cut short or changed."""


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
        """Finds the files of a stream of so many sequences, and opens the last.

        Raises:
          StreamError: if one is missing, or the last is damaged or does not end where it should.
        """
        self._folder, self._sequences = folder, sequences
        self._sources: dict[int, grain.sources.ArrayRecordDataSource] = {}
        count = -(-sequences // SEQUENCES_PER_FILE)
        there = {path.name for path in folder.iterdir()}
        for name in map(file_name, range(count)):
            if name not in there:
                raise StreamError(f'{folder / name} is missing; {PACK_AGAIN}')
        if count:
            self._source(count - 1)

    def read(self, places: Sequence[int]) -> list[bytes]:
        """The sequences of these places, in their order; raises StreamError where a file is damaged."""
        found: dict[int, bytes] = {}
        for number, group in itertools.groupby(sorted(set(places)), lambda place: place // SEQUENCES_PER_FILE):
            of_file = list(group)
            source = self._source(number)
            with named_damage(self._folder / file_name(number)):
                found |= zip(of_file, source.__getitems__([place % SEQUENCES_PER_FILE for place in of_file]))
        return [found[place] for place in places]

    def _source(self, number: int) -> grain.sources.ArrayRecordDataSource:
        if number not in self._sources:
            file = self._folder / file_name(number)
            here = on_disk(file)  # a full disk, or a bucket that is not there, is no damage
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
    """Raises StreamError where ArrayRecord's checksums, or what is read, do not fit."""
    try:
        yield
    except _DAMAGE as error:
        message = f'{type(error).__name__}: {str(error)[:200]}'
        raise StreamError(f'{file} is damaged ({message}); {PACK_AGAIN}') from error


def on_disk(file: epath.Path) -> epath.Path:
    """The file where libraries read it that know no buckets: one in a bucket is copied once to the user's cache."""
    if not in_bucket(file):
        return file
    copied = cache_folder('streams') / file.parent.name / file.name
    if not copied.exists():
        with whole_file(copied) as unfinished:
            file.copy(unfinished)
    return copied
