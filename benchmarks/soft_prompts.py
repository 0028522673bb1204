"""Soft prompts of several tasks trained together on packed texts, compared with one by one: examples per second.

    python benchmarks/soft_prompts.py [--tasks=8] [--rows=10] [--repeats=5]

Packed: one step on texts of all tasks in sequences of 512 tokens. One by one: the same texts, each padded to a row of
512 tokens, task by task, as in the reference code of Lester et al. 2021; and each task's texts packed, as this project
does without prompts per task. All three use the same texts and the decoder of the tiny run, and repetitions alternate.
Processor time is measured, so the numbers are valid on a busy machine.
"""

import argparse
import statistics
import time

import jax
import numpy as np

from flan_jax.distributed.batches import device_batch
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.model import decoder
from flan_jax.model.config import lamda
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.prompt import Prompt
from flan_jax.tuning.task_prompts import TaskPrompts

LENGTH, PREDICTED = 512, 128
CONFIG = lamda(num_layers=2, d_model=96, vocab_size=4096, head_dim=48)


def texts_of(tasks: int, count: int) -> list[Example]:
    """Texts of 20 to 110 tokens, of which up to 8 are targets."""
    rng = np.random.default_rng(0)
    draw = lambda size: rng.integers(1, CONFIG.vocab_size, size)  # noqa: E731
    return [Example(draw(rng.integers(18, 102)), (draw(rng.integers(1, 9)),), task=n % tasks) for n in range(count)]


def batch_of(sequences, tuning, tasks: int) -> dict[str, np.ndarray]:
    """The batch of a step."""
    batch = lay_out(sequences, Shape(len(sequences), LENGTH, PREDICTED))
    batch['sequence_ids'], batch['cluster_ids'] = np.arange(len(sequences)), np.zeros_like(batch.pop('tasks'))
    del batch['segment_exits']
    return tuning.columns(batch, [str(task) for task in range(tasks)])


class Steps:
    """Steps of one tuning on batches that are the same every time."""

    def __init__(self, tuning, batches):
        mesh, size = make_mesh(Parallelism()), len(batches[0]['tokens'])
        training = Training(batch_size=size, learning_rate=0.3, remat='none')
        self._program = training_program(CONFIG, NextToken(), tuning, training, mesh, ('all',))
        self._base = decoder.initialise(CONFIG, jax.random.key(0))
        self._batches = [device_batch(batch, np.arange(size), mesh, size) for batch in batches]
        self._state = self._program.start(tuning.init(CONFIG, jax.random.key(1), self._base, list))

    def seconds(self) -> float:
        """Processor time of a pass over the batches."""
        started = time.process_time()
        for batch in self._batches:
            self._state, _ = self._program.step(self._state, self._base, batch)
        jax.block_until_ready(self._state.params)
        return time.process_time() - started


def sequences_of(texts) -> list[list[Example]]:
    """Texts packed."""
    return [packed.examples() for packed in pack(texts, LENGTH, PREDICTED, 128)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tasks', type=int, default=8)
    parser.add_argument('--rows', type=int, default=10)
    parser.add_argument('--repeats', type=int, default=5)
    options = parser.parse_args()
    tasks, texts = options.tasks, texts_of(options.tasks, 16 * options.tasks)
    names = tuple(str(task) for task in range(tasks))
    together, alone = TaskPrompts(tasks=names, lengths=(options.rows,)), Prompt(length=options.rows)
    by_task = [[text for text in texts if text.task == task] for task in range(tasks)]
    packed = [sequences_of(of_task) for of_task in by_task]
    most = max(map(len, packed))
    runs = {
        'packed together': Steps(together, [batch_of(sequences_of(texts), together, tasks)]),
        'packed by task': Steps(
            alone,
            [batch_of((found * most)[:most], alone, tasks) for found in packed],  # all of one shape
        ),
        'one text a row': Steps(alone, [batch_of([[text] for text in of_task], alone, tasks) for of_task in by_task]),
    }
    measured: dict[str, list[float]] = {name: [] for name in runs}
    for steps in runs.values():
        steps.seconds()  # compiles
    for _ in range(options.repeats):
        for name, steps in runs.items():
            measured[name].append(steps.seconds())
    print(f'{tasks} tasks, prompts of {options.rows} rows, {len(texts)} texts a pass')
    for name, seconds in measured.items():
        ratios = [other / own for other, own in zip(seconds, measured['packed together'])]
        ratio = f'{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})'
        print(
            f'{name:>16}: {len(texts) / statistics.median(seconds):7.1f} examples/s, {ratio} times as long as together'
        )


if __name__ == '__main__':
    main()
