"""DPO steps on trees beside the same steps on pairs that each read their prompt themselves: prompts per second.

    python benchmarks/preferences.py [--prompt=300] [--answer=100] [--repeats=3]

Trees: a prompt stands once with its K answers. Pairs: every two answers of a prompt are an example of two chains, each
prompt and answer, as libraries have them that share no prompts; the two chains stand in one sequence, without padding,
so that pairs are packed as well as can be. Both learn from the same answers with the same objective on the same decoder
and the same step; repetitions alternate, and processor time is counted.
"""

import argparse
import itertools
import statistics
import time

import jax
import numpy as np

from flan_jax.distributed.batches import device_batch
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.model import decoder
from flan_jax.model.config import lamda
from flan_jax.objectives.dpo import Dpo
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full

CONFIG = lamda(num_layers=4, d_model=256, vocab_size=4096, head_dim=64)

Sequences = list[list[Example]]


def rankings(prompts: int, answers: int, prompt_length: int, answer_length: int) -> list[Example]:
    """Prompts, each with answers in the order of their scores."""
    rng = np.random.default_rng(0)
    draw = lambda size: rng.integers(1, CONFIG.vocab_size, size)  # noqa: E731
    scores = {'score': tuple(map(float, range(answers))), 'reference': (-100.0,) * answers}
    return [
        Example(draw(prompt_length), tuple(draw(answer_length) for _ in range(answers)), annotations=scores)
        for _ in range(prompts)
    ]


def as_pairs(trees: list[Example]) -> Sequences:
    """A sequence for each two answers of a prompt: two chains."""
    return [
        [
            Example(
                tree.prompt, (tree.responses[k],), annotations={name: (v[k],) for name, v in tree.annotations.items()}
            )
            for k in pair
        ]
        for tree in trees
        for pair in itertools.combinations(range(len(tree.responses)), 2)
    ]


def batch_of(sequences: Sequences, pairs: bool) -> dict[str, np.ndarray]:
    """The batch of a step; chains of a pair are compared as the answers of a tree are."""
    length, targets, responses = (
        max(sum(map(size, examples)) for examples in sequences)
        for size in (len, lambda example: example.num_targets, lambda example: len(example.responses))
    )
    batch = lay_out(sequences, Shape(len(sequences), length, targets, responses))
    batch['sequence_ids'], batch['cluster_ids'] = np.arange(len(sequences)), np.zeros_like(batch.pop('tasks'))
    if pairs:
        del batch['segment_exits']
        batch['example_ids'] = np.zeros_like(batch['example_ids'])
    return batch


class Step:
    """A step on a batch that is the same every time."""

    def __init__(self, batch):
        mesh, size = make_mesh(Parallelism()), len(batch['tokens'])
        training = Training(batch_size=size, learning_rate=1e-5, remat='none')
        program = training_program(CONFIG, Dpo(), Full(), training, mesh, ('all',))
        self._state = program.start(decoder.initialise(CONFIG, jax.random.key(0)))
        self._batch = device_batch(batch, np.arange(size), mesh, size)
        self._step = program.step.lower(self._state, {}, self._batch).compile()
        self.megabytes = self._step.memory_analysis().temp_size_in_bytes / 1e6

    def seconds(self) -> float:
        """Processor time of a step."""
        started = time.process_time()
        self._state, metrics = self._step(self._state, {}, self._batch)
        jax.block_until_ready(metrics)
        return time.process_time() - started


def compare(prompts: int, answers: int, options: argparse.Namespace) -> None:
    """Prints the speed and the memory of both."""
    trees = rankings(prompts, answers, options.prompt, options.answer)
    batches = {'trees': batch_of([[tree] for tree in trees], False), 'pairs': batch_of(as_pairs(trees), True)}
    steps = {name: Step(batch) for name, batch in batches.items()}
    for step in steps.values():
        step.seconds()  # memory is laid out
    measured = {name: [] for name in steps}
    for _, (name, step) in itertools.product(range(options.repeats), steps.items()):
        measured[name].append(step.seconds())
    ratios = [pairs / own for pairs, own in zip(measured['pairs'], measured['trees'])]
    print(f'{answers} answers to a prompt, {prompts} prompts a step')
    for name, seconds in measured.items():
        size, memory = batches[name]['tokens'].size, steps[name].megabytes
        print(f'{name:>8}: {size:6} tokens, {prompts / statistics.median(seconds):6.3f} prompts/s, {memory:6.0f} MB')
    print(f'   trees are {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--prompt', type=int, default=300, help='tokens')
    parser.add_argument('--answer', type=int, default=100, help='tokens')
    parser.add_argument('--repeats', type=int, default=3)
    options = parser.parse_args()
    compare(8, 2, options)
    compare(1, 9, options)


if __name__ == '__main__':
    main()
