"""Readers of tasks' examples, which know how far they have read, so that others can go on there."""

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
from flan_jax.packing.settings import Stream
from flan_jax.packing.tokenised import of_any, of_catalogue, tokenised

T = TypeVar('T')

_MOST_DROPPED = 1024
"""A task none of whose first so many examples fits is refused; those of a small one come again in other templates."""


@dataclasses.dataclass
class Read:
    """How far a reader is: examples read, those of them that fit, and whether there are no more."""

    examples: int = 0
    kept: int = 0
    ended: bool = False


class Passed(Example):
    """Stands for an example that was packed before, and is not read again; it knows its task only."""


class Readers:
    """The readers of a packing, in the order in which they are opened; `close` ends the threads that open them.

    Attributes:
      reads: how far each is.
    """

    def __init__(
        self, tasks: Sequence[seqio.Task], settings: Stream, cuts: Sequence[Cuts], before: Sequence[Read] = ()
    ):
        """Readers of training examples.

        Args:
          tasks: whose they are.
          settings: their lengths.
          cuts: where to count what is cut of each task's examples, and what is dropped.
          before: how far readers were before; what they read is passed over.
        """
        self.reads: list[Read] = []
        self._tasks, self._settings, self._cuts, self._before = tasks, settings, cuts, before
        self._opener = Opener()

    def open(self, task: int, seed: int, num_epochs: int | None = None) -> Iterator[Example]:
        """A task's examples that fit, in an order and templates drawn by a seed, so many times or without end.

        Those that were read before are `Passed`. It takes a while until the first of the others is there, so that who
        will need several opens them all before reading any. Tasks of others are opened when they are read: what they
        do besides, and in which order, is not ours to change.

        Raises:
          UserError: when it is read: if none of the first examples fits, or one cannot be read or rendered.
        """
        known = len(self.reads) < len(self._before)
        read = dataclasses.replace(self._before[len(self.reads)]) if known else Read()
        self.reads.append(read)
        passed = itertools.repeat(Passed(np.zeros(0, np.int32), (), task), read.kept)
        if read.ended:
            return passed
        numbers = functools.partial(_numbers, self._tasks[task], self._settings, read.examples, seed, num_epochs)
        opened = self._opener.open if isinstance(self._tasks[task], CatalogueTask) else _when_read
        return itertools.chain(passed, self._unread(read, task, opened(numbers)))

    def close(self) -> None:
        """Opens no more readers."""
        self._opener.close()

    def _unread(self, read: Read, task: int, numbers: Iterator[Mapping[str, np.ndarray]]) -> Iterator[Example]:
        source = self._tasks[task].source
        known = isinstance(source, PreparedSource)
        with located(source.dataset, 'train', source.data_dir) if known else contextlib.nullcontext():
            yield from tokenised(numbers, task, functools.partial(self._fits, read, task))
        read.ended = True

    def _fits(self, read: Read, task: int, example: Mapping[str, np.ndarray]) -> bool:
        """Whether an example of a task fits, which is counted; raises UserError if none of its first examples does."""
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


def _when_read(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    yield from make()


def _numbers(
    task: seqio.Task, settings: Stream, skip: int, seed: int, num_epochs: int | None
) -> Iterator[Mapping[str, np.ndarray]]:
    """What packing reads of a task's training examples, without the first `skip`."""
    examples = read_examples(
        task, settings.lengths, skip, split='train', shuffle=True, seed=seed, num_epochs=num_epochs
    )
    return (of_catalogue if isinstance(task, CatalogueTask) else of_any)(examples, task.name)
