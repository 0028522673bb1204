"""DPO steps on trees, compared with TRL and with pairs that each contain their prompt: prompts per second.

    pip install --constraint constraints.txt --editable '.[bench]'
    python benchmarks/preferences.py [--prompt=300] [--answer=100] [--repeats=3] [--file=preferences_en.json]

Trees: a prompt occurs once, with its K answers. Pairs: every two answers of a prompt are an example of two chains, each
with prompt and answer, as in libraries without shared prompts; the two chains are in one sequence, with other pairs if
there is room. TRL: its DPOTrainer, every two answers of a prompt in two rows, padded to the longer one. All use the
same answers and weights; repetitions alternate, and processor time on one core is measured. Ours process one sequence
at a time and TRL one pair, which is fastest on this machine and needs the least memory.

--file: also measure on real preferences, rows with conversations (or a prompt), chosen and rejected; trees and pairs
are packed by best fit. Time: eight minutes on one core with a file, five without.
"""

import argparse
import itertools
import json
import pathlib
import statistics

import jax
import numpy as np
from dpo_peer import TrlStep
from peers import llama, seconds

from flan_jax.data.instruction_files import format_called
from flan_jax.distributed.batches import device_batch
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.objective import LOSS
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training.optimizers.adamw import AdamW
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full

MODEL = {'vocabulary': 4096, 'width': 256, 'layers': 4}
PAIRS_AT_A_TIME = 1
"""Of TRL: its batch on a device; more at a time is slower here, by a tenth at 4 and by padding on real pairs."""

LONGEST_PROMPT, LONGEST_ANSWER, REAL_PROMPTS = 512, 256, 16

Sequences = list[list[Example]]


def rankings(prompts: int, answers: int, prompt_length: int, answer_length: int) -> list[Example]:
    """Prompts, each with answers in the order of their scores."""
    rng = np.random.default_rng(0)
    return [
        ranked(
            rng.integers(3, MODEL['vocabulary'], prompt_length),
            [rng.integers(3, MODEL['vocabulary'], answer_length) for _ in range(answers)],
            range(answers),
        )
        for _ in range(prompts)
    ]


def ranked(prompt, answers, scores) -> Example:
    """A tree; its reference log-probabilities stand for a model that finds every token as unlikely as ours does."""
    annotations = {'score': tuple(map(float, scores)), 'reference': tuple(-8.3 * len(answer) for answer in answers)}
    return Example(np.array(prompt), tuple(map(np.array, answers)), annotations=annotations)


def real_rankings(path: pathlib.Path) -> list[Example]:
    """The first preferences of a file, in the bundled vocabulary; prompts lose their beginning, answers their end."""
    encode, read = Vocabulary().encode, format_called('preference').read
    found = []
    for number, row in enumerate(json.loads(path.read_text())[:REAL_PROMPTS]):
        said = read(f'{path}, row {number}', row)
        prompt = encode('\n'.join([said.system, *said.history, said.instruction]))[-LONGEST_PROMPT:]
        answers = [encode(answer)[:LONGEST_ANSWER] for answer in (said.response, *said.rejected)]
        found.append(ranked(prompt, answers, (1, 0)))
    return found


def as_pairs(trees: list[Example], length: int) -> Sequences:
    """Two chains for each two answers of a prompt, side by side, in sequences of at most so many tokens."""
    pairs = [
        [
            Example(
                tree.prompt, (tree.responses[k],), annotations={name: (v[k],) for name, v in tree.annotations.items()}
            )
            for k in two
        ]
        for tree in trees
        for two in itertools.combinations(range(len(tree.responses)), 2)
    ]
    sequences: Sequences = []
    for pair in sorted(pairs, key=tokens, reverse=True):
        fitting = [sequence for sequence in sequences if tokens(sequence) + tokens(pair) <= length]
        if fitting:
            max(fitting, key=tokens).extend(pair)
        else:
            sequences.append(pair)
    return sequences


def tokens(examples: list[Example]) -> int:
    """Of examples side by side."""
    return sum(map(len, examples))


def batch_of(sequences: Sequences, pairs: bool = False) -> dict[str, np.ndarray]:
    """The batch of a step; every two chains, if they are pairs, are compared as the answers of a tree are."""
    length, targets, responses = (
        max(sum(map(size, examples)) for examples in sequences)
        for size in (len, lambda example: example.num_targets, lambda example: len(example.responses))
    )
    batch = lay_out(sequences, Shape(len(sequences), length, targets, responses))
    batch['sequence_ids'], batch['cluster_ids'] = np.arange(len(sequences)), np.zeros_like(batch.pop('tasks'))
    if pairs:
        del batch['segment_exits']
        batch['example_ids'] //= 2  # -1, which is no example, stays
    return batch


class Step:
    """Our step on a batch that is the same every time, a sequence at a time."""

    def __init__(self, batch: dict[str, np.ndarray]):
        mesh, size = make_mesh(Parallelism()), len(batch['tokens'])
        training = Training(batch_size=size, learning_rate=1e-5, remat='none', optimizer=AdamW(), microbatches=size)
        model = llama(**MODEL)[1]
        program = training_program(model.config, Dpo(), Full(), training, mesh, ('all',))
        self._state = program.start(jax.tree.map(jax.numpy.copy, model.params))
        self._batch = device_batch(batch, np.arange(size), mesh, size)
        self._step = program.step.lower(self._state, {}, self._batch).compile()
        self._megabytes = self._step.memory_analysis().temp_size_in_bytes / 1e6
        self.tokens = batch['tokens'].size

    def __call__(self) -> float:
        """The loss before the update."""
        self._state, metrics = self._step(self._state, {}, self._batch)
        total, count = jax.block_until_ready(metrics.objective[LOSS])
        return float(total / count)

    def first(self) -> tuple[float, float]:
        """The loss of the first step, and the megabytes that the compiler plans for one."""
        return self(), self._megabytes


def steps_of(trees: Sequences, chains: Sequences, theirs) -> dict[str, Step | TrlStep]:
    """The steps that are compared, on the same answers."""
    return {
        'trees': Step(batch_of(trees)),
        'pairs, packed': Step(batch_of(chains, pairs=True)),
        'TRL': TrlStep(theirs, [tree for sequence in trees for tree in sequence], PAIRS_AT_A_TIME),
    }


def compare(title: str, trees: list[Example], steps: dict[str, Step | TrlStep], repeats: int) -> None:
    """Prints the speed and the memory of all, as lines of a table."""
    first = {name: step.first() for name, step in steps.items()}
    assert np.ptp([loss for loss, _ in first.values()]) < 1e-3, first  # they learn the same
    measured: dict[str, list[float]] = {name: [] for name in steps}
    for _, (name, step) in itertools.product(range(repeats), steps.items()):
        measured[name].append(seconds(step))
    for name, step in steps.items():
        ratios = [theirs / ours for theirs, ours in zip(measured[name], measured['trees'])]
        print(
            f'| {title}: {name} | {step.tokens:,} | {len(trees) / statistics.median(measured[name]):.3f} | '
            f'{first[name][1]:,.0f} MB | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |',
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--prompt', type=int, default=300, help='tokens')
    parser.add_argument('--answer', type=int, default=100, help='tokens')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--file', type=pathlib.Path, help='real preferences, a JSON array')
    options = parser.parse_args()
    theirs = llama(**MODEL)[0]
    print('| | tokens of a step | prompts per second | memory of a step | time against trees (least to most) |')
    print('|---|---|---|---|---|')
    for prompts, answers in ((4, 2), (1, 9)):
        trees = rankings(prompts, answers, options.prompt, options.answer)
        chains = as_pairs(trees, 2 * (options.prompt + options.answer))
        title = f'{answers} answers, {prompts} prompts a step'
        compare(title, trees, steps_of([[tree] for tree in trees], chains, theirs), options.repeats)
    if options.file:
        trees = real_rankings(options.file)
        length = LONGEST_PROMPT + 2 * LONGEST_ANSWER
        sequences = [sequence.examples() for sequence in pack(trees, length, length, len(trees))]
        chains = as_pairs(trees, length + LONGEST_PROMPT)
        compare(
            f'{options.file.stem}, {len(trees)} prompts a step',
            trees,
            steps_of(sequences, chains, theirs),
            options.repeats,
        )


if __name__ == '__main__':
    main()
