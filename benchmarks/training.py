"""A training step compared with Llama of transformers on torch: tokens per second, same weights and tokens, Adafactor.

    pip install --constraint constraints.txt --editable '.[bench]'
    python benchmarks/training.py [--repeats=5] [--remat=dots] [--cases "8 x 256, all targets"] [--dtypes float32]

Both train all weights, in float32, with activations in float32 or bfloat16 (torch: autocast). torch uses its fused
attention, whose backward pass recomputes the scores. If only some tokens are targets, ours projects only those onto the
vocabulary; transformers projects all and masks the others in the loss. Whole steps with the update are timed, without
loading and compilation. Each side has its own process: ours asks the C library to keep freed memory, as `flan-jax`
does; theirs has torch's defaults.
"""

import argparse
import copy

import jax
import numpy as np
import torch
from peers import VOCABULARY, OwnProcess, alternate, llama, print_row

from flan_jax.distributed.batches import device_batch
from flan_jax.distributed.freed_memory import keep_freed_memory
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.objectives.next_token import NextToken
from flan_jax.objectives.objective import LOSS
from flan_jax.training.program import training_program
from flan_jax.training.settings import ComputeDtype, Remat, Training
from flan_jax.tuning.full import Full

CASES = {'8 x 256, all targets': (8, 256, 1.0), '4 x 1,024, a quarter targets': (4, 1024, 0.25)}
"""Sequences, tokens of each, and the share of them that are targets, at the end of every sequence."""

LEARNING_RATE = 1e-4

TOLERANCES = {'float32': 1e-4, 'bfloat16': 5e-3}
"""How far the losses of both sides may differ, in nats, by the dtype of activations."""


class OurStep:
    """Our step on a batch that is the same every time."""

    def __init__(self, tokens_BxT: np.ndarray, targets: int, dtype: ComputeDtype, remat: Remat):
        mesh, (size, length) = make_mesh(Parallelism()), tokens_BxT.shape
        model = llama()[1]
        training = Training(batch_size=size, learning_rate=LEARNING_RATE, dtype=dtype, remat=remat)
        program = training_program(model.config, NextToken(), Full(), training, mesh, ('all',))
        predict_at = np.tile(np.arange(length - targets - 1, length - 1, dtype=np.int32), (size, 1))
        batch = {
            'tokens': tokens_BxT.astype(np.int32),
            'positions': np.tile(np.arange(length, dtype=np.int32), (size, 1)),
            'segment_ids': np.ones((size, length), np.int32),
            'predict_at': predict_at,
            'labels': np.take_along_axis(tokens_BxT, predict_at + 1, axis=1).astype(np.int32),
            'weights': np.ones((size, targets), np.float32),
            'cluster_ids': np.zeros((size, targets), np.int32),
            'response_ids': np.zeros((size, targets), np.int32),
            'sequence_ids': np.arange(size),
        }
        self._batch = device_batch(batch, np.arange(size), mesh, size)
        self._state = program.start(jax.tree.map(jax.numpy.copy, model.params))
        with jax.set_mesh(mesh):
            self._step = program.step.lower(self._state, {}, self._batch).compile()

    def __call__(self) -> float:
        """The loss before the update."""
        self._state, metrics = self._step(self._state, {}, self._batch)
        total, count = jax.block_until_ready(metrics.objective[LOSS])
        return float(total / count)


def our_step(*arguments) -> OurStep:
    """Our step in a process that is set up as the command's is."""
    keep_freed_memory()
    return OurStep(*arguments)


class TheirStep:
    """The same step by transformers and torch."""

    def __init__(self, tokens_BxT: np.ndarray, targets: int, dtype: ComputeDtype):
        self._model = copy.deepcopy(llama()[0]).train()
        self._optimizer = torch.optim.Adafactor(self._model.parameters(), lr=LEARNING_RATE)
        self._bfloat16 = dtype == 'bfloat16'
        labels = np.full_like(tokens_BxT, -100)
        labels[:, -targets:] = tokens_BxT[:, -targets:]
        self._batch = {'input_ids': torch.tensor(tokens_BxT), 'labels': torch.tensor(labels)}

    def __call__(self) -> float:
        """The loss before the update."""
        with torch.autocast('cpu', torch.bfloat16, enabled=self._bfloat16):
            loss = self._model(**self._batch, use_cache=False).loss
        loss.backward()
        self._optimizer.step()
        self._optimizer.zero_grad()
        return loss.item()


def measure(name: str, dtype: ComputeDtype, repeats: int, remat: Remat) -> None:
    """Checks that both sides learn the same, and prints a line of the table."""
    size, length, share = CASES[name]
    tokens = np.random.default_rng(0).integers(10, VOCABULARY, (size, length))
    targets = min(int(share * length), length - 1)
    ours = OwnProcess(our_step, tokens, targets, dtype, remat)
    theirs = OwnProcess(TheirStep, tokens, targets, dtype)
    difference = abs(ours() - theirs())
    assert difference < TOLERANCES[dtype], f'losses differ by {difference}'
    ours(), theirs()
    name = name if dtype == 'float32' else f'{name}, {dtype}'
    print_row(name, size * length, 'tokens/s', *alternate(ours, theirs, repeats), f'losses differ by {difference:.0e}')


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--remat', choices=('none', 'dots', 'full'), default='dots')
    parser.add_argument('--cases', nargs='*', choices=CASES, default=list(CASES), metavar='CASE')
    parser.add_argument('--dtypes', nargs='*', choices=TOLERANCES, default=list(TOLERANCES), metavar='DTYPE')
    arguments = parser.parse_args()
    print('| training step | ours | transformers | ratio | |\n|---|---|---|---|---|')
    for name in arguments.cases:
        for dtype in arguments.dtypes:
            measure(name, dtype, arguments.repeats, arguments.remat)


if __name__ == '__main__':
    main()
