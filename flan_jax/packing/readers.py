"""Readers of tasks' examples, which know how far they have read, so that others can go on there."""

import contextlib
import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import seqio

from flan_jax.data.cuts import Cuts
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.renderable import located
from flan_jax.data.seqio_tasks import CatalogueTask, read_examples
from flan_jax.errors import UserError
from flan_jax.packing.example import Example
from flan_jax.packing.settings import Stream
from flan_jax.packing.tokenised import of_any, of_catalogue, tokenised

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
    """The readers of a packing, in the order in which they are opened.

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

    def open(self, task: int, seed: int, num_epochs: int | None = None) -> Iterator[Example]:
        """A task's examples that fit, in an order and templates drawn by a seed, so many times or without end.

        Those that were read before are `Passed`.

        Raises:
          UserError: if none of the first examples fits, or one cannot be read or rendered.
        """
        known = len(self.reads) < len(self._before)
        self.reads.append(dataclasses.replace(self._before[len(self.reads)]) if known else Read())
        return self._examples(self.reads[-1], task, seed, num_epochs)

    def _examples(self, read: Read, task: int, seed: int, num_epochs: int | None) -> Iterator[Example]:
        yield from itertools.repeat(Passed(np.zeros(0, np.int32), (), task), read.kept)
        if not read.ended:
            yield from self._unread(read, task, seed, num_epochs)
            read.ended = True

    def _unread(self, read: Read, task: int, seed: int, num_epochs: int | None) -> Iterator[Example]:
        of_task, fits = self._tasks[task], functools.partial(self._fits, read, task)
        examples = read_examples(
            of_task,
            self._settings.lengths,
            skip=read.examples,
            split='train',
            shuffle=True,
            seed=seed,
            num_epochs=num_epochs,
        )
        source = of_task.source
        known = isinstance(source, PreparedSource)
        with located(source.dataset, 'train', source.data_dir) if known else contextlib.nullcontext():
            as_numbers = of_catalogue if isinstance(of_task, CatalogueTask) else of_any
            yield from tokenised(examples, task, fits, of_task.name, as_numbers)

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
