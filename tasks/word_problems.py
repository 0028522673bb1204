"""Word problems generated from a seed, with solutions in GSM8K's format.

A problem has two steps, and most can be taken in several orders, because the order of additions does not change the sum.
So a model that was tuned on one solution of each can find others, as rejection sampling needs (gin/runs/rft.gin).
"""

import dataclasses
import json
import pathlib
import random
from collections.abc import Iterator, Mapping, Sequence

import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from flan_jax.files import write_whole

NAMES = ('Ada', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gwen', 'Hugo')
ITEMS = ('nuts', 'pens', 'shells', 'coins', 'cards', 'eggs', 'stamps', 'beads')

KINDS = {
    'gains': ('{name} has {a} {items}, buys {b} and finds {c}. How many {items} are there now?', ('a+b', 'b+c', 'a+c')),
    'loss': ('{name} has {a} {items}, buys {b} and gives {c} away. How many {items} are left?', ('a+b', 'a-c')),
    'bags': ('{name} has {a} bags with {b} {items} in each, and {c} more. How many {items} are there?', ('a*b',)),
}
"""The wording of a problem, and the steps that its solution may begin with."""

VOCABULARY = 'words'
"""Folder of the vocabulary."""

VOCABULARY_SIZE = 160

EOS = '[eos]'


@dataclasses.dataclass(frozen=True)
class Problem:
    """A problem with its solution.

    Attributes:
      prompt: the question.
      completion: a solution with its equations and its answer.
    """

    prompt: str
    completion: str


def problems(seed: int) -> Iterator[Problem]:
    """Problems without end, no question twice."""
    rng, asked = random.Random(seed), set()
    while True:
        kind = rng.choice(list(KINDS))
        problem = _problem(kind, rng)
        if problem.prompt not in asked:
            asked.add(problem.prompt)
            yield problem


def _problem(kind: str, rng: random.Random) -> Problem:
    wording, beginnings = KINDS[kind]
    first = rng.randint(2, 4) if kind == 'bags' else rng.randint(8, 15)
    numbers = {'a': first, 'b': rng.randint(2, 4) if kind == 'bags' else rng.randint(2, 6), 'c': rng.randint(2, 6)}
    items = rng.choice(ITEMS)
    question = wording.format(name=rng.choice(NAMES), items=items, **numbers)
    return Problem(question, solution(kind, rng.choice(beginnings), numbers, items))


def solution(kind: str, beginning: str, numbers: Mapping[str, int], items: str) -> str:
    """The solution to a problem of a kind that takes this step first, such as 'a+b'."""
    x, sign, y = tuple(beginning)
    (rest,) = set('abc') - {x, y}
    last = '-' if kind == 'loss' and rest == 'c' else '+'
    between = _value(numbers[x], sign, numbers[y])
    result = _value(between, last, numbers[rest])
    lines = (
        f'First {_equation(numbers[x], sign, numbers[y])} {items}.',
        f'Then {_equation(between, last, numbers[rest])} {items}.',
        f'#### {result}',
    )
    return '\n'.join(lines)


def _value(left: int, sign: str, right: int) -> int:
    return {'+': left + right, '-': left - right, '*': left * right}[sign]


def _equation(left: int, sign: str, right: int) -> str:
    """An equation and its value, as in '3+4 = <<3+4=7>>7'."""
    value = _value(left, sign, right)
    return f'{left}{sign}{right} = <<{left}{sign}{right}={value}>>{value}'


def write(folder: pathlib.Path, counts: Mapping[str, int], seed: int = 0) -> None:
    """Writes a file of problems for each split, and the vocabulary; no question is in two splits."""
    endless = problems(seed)
    for split, count in counts.items():
        rows = (dataclasses.asdict(next(endless)) for _ in range(count))
        write_whole(folder / f'{split}.jsonl', ''.join(json.dumps(row) + '\n' for row in rows))
    write_vocabulary(folder / VOCABULARY, [next(endless) for _ in range(2000)])


def write_vocabulary(folder: pathlib.Path, examples: Sequence[Problem]) -> None:
    """A tokenizer.json of byte pairs in which every digit is a token."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY_SIZE, special_tokens=[EOS], show_progress=False)
    tokenizer.train_from_iterator((text for e in examples for text in (e.prompt, e.completion)), trainer)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / 'tokenizer_config.json', json.dumps({'eos_token': EOS}))
    write_whole(folder / 'tokenizer.json', tokenizer.to_str(pretty=True))
