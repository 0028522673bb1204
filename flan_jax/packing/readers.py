"""Readers of tasks' examples, whose progress is recorded so that packing can resume."""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import seqio

from flan_jax.data.catalogue_task import CatalogueTask, read_examples
from flan_jax.data.cuts import Cuts
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.renderable import located
from flan_jax.errors import UserError
from flan_jax.packing.example import Example
from flan_jax.packing.opener import Opener
from flan_jax.packing.seqio_examples import fetch_padded, fetch_ragged, to_examples
from flan_jax.packing.settings import Stream

T = TypeVar('T')

_MOST_DROPPED = 1024
"""A task is refused if none of its first examples, of this number, fits; small tasks repeat with other templates."""


@dataclasses.dataclass
class Read:
    """Progress of a reader: examples read, examples of these that fit, and whether it has reached the end."""

    examples: int = 0
    kept: int = 0
    ended: bool = False


class Skipped(Example):
    """Placeholder for an example that was packed before the resume and is not read again; only its task is set."""


class Readers:
    """The readers of a packing, in the order of their opening; `close` ends the threads that open them.

    Attributes:
      reads: progress of each reader.
    """

    def __init__(
        self, tasks: Sequence[seqio.Task], settings: Stream, cuts: Sequence[Cuts], before: Sequence[Read] = ()
    ):
        """Readers of training examples.

        Args:
          tasks: the tasks to read.
          settings: their lengths.
          cuts: counts how each task's examples are cut or dropped.
          before: progress of the readers before a resume; examples read then are skipped.
        """
        self.reads: list[Read] = []
        self._tasks, self._settings, self._cuts, self._before = tasks, settings, cuts, before
        self._opener = Opener()

    def open(self, task: int, seed: int, num_epochs: int | None = None) -> Iterator[Example]:
        """A task's examples that fit, `num_epochs` times or endlessly; the seed gives their order and templates.

        Examples that were read before a resume are `Skipped`. Opening takes time, so open all readers that are needed
        before reading from any. Tasks that other code registered are opened lazily, since they may have side effects.

        Raises:
          UserError: while reading, if none of the first examples fits, or one cannot be read or rendered.
        """
        known = len(self.reads) < len(self._before)
        read = dataclasses.replace(self._before[len(self.reads)]) if known else Read()
        self.reads.append(read)
        skipped = itertools.repeat(Skipped(np.zeros(0, np.int32), (), task), read.kept)
        if read.ended:
            return skipped
        numbers = functools.partial(_numbers, self._tasks[task], self._settings, read.examples, seed, num_epochs)
        opened = self._opener.open if isinstance(self._tasks[task], CatalogueTask) else _lazily
        return itertools.chain(skipped, self._unread(read, task, opened(numbers)))

    def close(self) -> None:
        """Opens no more readers."""
        self._opener.close()

    def _unread(self, read: Read, task: int, numbers: Iterator[Mapping[str, np.ndarray]]) -> Iterator[Example]:
        source = self._tasks[task].source
        known = isinstance(source, PreparedSource)
        with located(source.dataset, 'train', source.data_dir) if known else contextlib.nullcontext():
            yield from to_examples(numbers, task, functools.partial(self._fits, read, task))
        read.ended = True

    def _fits(self, read: Read, task: int, example: Mapping[str, np.ndarray]) -> bool:
        """Counts an example and returns whether it fits; raises UserError if none of the task's first examples fits."""
        cuts, settings = self._cuts[task], self._settings
        read.examples += 1
        if cuts.keep(example):
            read.kept += 1
            return True
        if cuts.dropped == cuts.examples >= _MOST_DROPPED:
            raise UserError(
                f'Stream.input_length={settings.input_length}: none of {cuts.examples} examples of '
                f'{self._tasks[task].name} fits, even with its long fields shortened; lengthen it, or leave the '
                'dataset out of MIXTURE_OR_TASK_NAME'
            )
        return False


def _lazily(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    yield from make()


def _numbers(
    task: seqio.Task, settings: Stream, skip: int, seed: int, num_epochs: int | None
) -> Iterator[Mapping[str, np.ndarray]]:
    """A task's training examples as NumPy arrays, without the first `skip`."""
    examples = read_examples(
        task, settings.lengths, skip, split='train', shuffle=True, seed=seed, num_epochs=num_epochs
    )
    return (fetch_padded if isinstance(task, CatalogueTask) else fetch_ragged)(examples, task.name)
