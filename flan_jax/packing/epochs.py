"""Epochs: every example of every task a fixed number of times, as set by `Stream.epochs`."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import seqio

from flan_jax.data.mixtures import TuningMixture, usable_examples
from flan_jax.errors import UserError
from flan_jax.packing.example import Example
from flan_jax.packing.settings import Stream

ORDER = 1
"""Version of the order of examples."""

_SEEDS = 2**31 - 1

ReadOnce = Callable[[int, int], Iterator[Example]]
"""(task, seed) to all training examples of a task that fit, each once; the seed gives their order and templates."""


def examples_by_epoch(mixture: TuningMixture, settings: Stream, read: ReadOnce) -> Iterator[Example]:
    """All examples, `settings.epochs` times; seed and epoch determine the order of each epoch.

    Raises:
      UserError: if a task has no usable example, or its number of examples is unknown.
    """
    names = [task.name for task in mixture.seqio.tasks]
    sizes = _sizes(mixture)
    for epoch in range(settings.epochs or 0):
        random = np.random.default_rng([settings.seed, epoch])
        seeds = random.integers(0, _SEEDS, len(names)).tolist()
        order = random.permutation(np.repeat(np.arange(len(names)), sizes))
        found = np.zeros(len(names), int)
        for example in _in_order(order.tolist(), [read(task, seed) for task, seed in enumerate(seeds)]):
            found[example.task] += 1
            yield example
        if not found.all():
            raise UserError(
                f'Stream.epochs={settings.epochs}: no training example of {names[int(found.argmin())]} is usable and '
                f'fits Stream.input_length={settings.input_length}; lengthen it, or leave the dataset out'
            )


def _in_order(order: Sequence[int], tasks: Sequence[Iterator[Example]]) -> Iterator[Example]:
    """The next example of each task in this order; tasks may end early, and remaining examples come last."""
    for task in order:
        if (example := next(tasks[task], None)) is not None:
            yield example
    for examples in tasks:
        yield from examples


def _sizes(mixture: TuningMixture) -> list[int]:
    """The approximate number of examples of each task, so that they are mixed evenly; not needed for a single task."""
    tasks = mixture.seqio.tasks
    return [_size(task, mixture) for task in tasks] if len(tasks) > 1 else [0]


def _size(task: seqio.Task, mixture: TuningMixture) -> int:
    member = mixture.members.get(task.name)
    if member is not None:
        return usable_examples(member.dataset, 'train', task.source.data_dir)
    size = task.num_input_examples('train')
    if size is None:
        raise UserError(
            f'Stream.epochs: nothing says how many examples {task.name} has, so it cannot be mixed with others; set '
            'TRAIN_STEPS in its place, or name the task alone'
        )
    return size
