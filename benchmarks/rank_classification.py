"""Rank classification compared with EleutherAI's lm-evaluation-harness: questions per second, same weights and tokens.

    pip install --constraint constraints.txt --editable '.[bench]'
    python benchmarks/rank_classification.py [--questions=16] [--repeats=5] [--cases "4 options of 1 token"]

The harness uses its Hugging Face backend on CPU in float32, at the batch size that is fastest for it on this machine.
Prompts have 240 to 360 tokens. Only scoring is timed, without loading, tokenising and compilation.

Each ratio has a bound: the ratio of FLOPs of the harness to ours, without padding and at equal speed. The harness
computes the prompt again for every option (once for all one-token options) and projects every position onto the
vocabulary; ours computes a prompt once, and projects only the positions that it scores.
"""

import argparse
import functools

import numpy as np
import tokenizers
import transformers
from lm_eval.models.huggingface import HFLM
from peers import VOCABULARY, alternate, fastest, llama, print_row, random_tokens

from flan_jax.inference.scoring import Scorer, read_tokens
from flan_jax.packing.example import Example
from flan_jax.training.flops import BatchSize, forward_flops

CASES = {
    '4 options of 6 to 10 tokens': (4, (6, 11)),
    '4 options of 1 token': (4, (1, 2)),
    '10 options of 6 to 10': (10, (6, 11)),
}
THEIR_BATCH_ROWS = (1, 2, 4, 8)
OUR_BATCH_TOKENS = (512, 1024, 2048)


def questions_of(options: int, lengths: tuple[int, int], count: int) -> list[Example]:
    """Random questions; options of one question differ."""
    random = np.random.default_rng(0)
    return [
        Example(
            random_tokens(random, random.integers(240, 361)),
            tuple(random_tokens(random, random.integers(*lengths)) for _ in range(options)),
        )
        for _ in range(count)
    ]


@functools.cache
def harness() -> HFLM:
    """The harness around the same model; it is given tokens, so its tokenizer is never asked."""
    pieces = tokenizers.Tokenizer(tokenizers.models.WordLevel({str(i): i for i in range(VOCABULARY)}, unk_token='0'))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=pieces, eos_token='1', pad_token='1')
    return HFLM(pretrained=llama()[0], tokenizer=tokenizer, batch_size=1, device='cpu', dtype='float32')


def their_scores(questions: list[Example], batch_size: int) -> list[float]:
    """The harness's log-likelihood of every option."""
    harness().batch_size_per_gpu = batch_size
    requests = [
        (('', ''), question.prompt.tolist(), option.tolist()) for question in questions for option in question.responses
    ]
    return [score for score, _ in harness()._loglikelihood_tokens(requests, disable_tqdm=True)]


@functools.cache
def scorer(batch_tokens: int) -> Scorer:
    """Our scorer at a batch size."""
    return Scorer(llama()[1], batch_tokens)


def our_scores(questions: list[Example], batch_tokens: int) -> list[float]:
    """Our log-likelihood of every option."""
    return [float(tokens.sum()) for options in scorer(batch_tokens).score(questions) for tokens in options]


def bound(questions: list[Example]) -> float:
    """The harness's arithmetic over ours, without padding."""
    count = lambda length, predicted: forward_flops(llama()[1].config, BatchSize(1, length, predicted))  # noqa: E731
    ours = theirs = 0.0
    for question in questions:
        ours += count(read_tokens(question), question.num_targets)
        for row in {(*question.prompt.tolist(), *option[:-1].tolist()) for option in question.responses}:
            theirs += count(len(row), len(row))
    return theirs / ours


def measure(name: str, questions: list[Example], repeats: int) -> None:
    """Tunes both sides, checks that they agree, and prints a line of the table."""
    few = questions[: len(questions) // 2]
    rows = fastest({n: functools.partial(their_scores, few, n) for n in THEIR_BATCH_ROWS})
    tokens = fastest({n: functools.partial(our_scores, few, n) for n in OUR_BATCH_TOKENS})
    difference = np.abs(np.subtract(our_scores(questions, tokens), their_scores(questions, rows))).max()
    assert difference < 1e-4, f'scores differ by {difference}'
    ours, theirs = alternate(lambda: our_scores(questions, tokens), lambda: their_scores(questions, rows), repeats)
    sizes = f'batches of {tokens} tokens and {rows} rows'
    note = f'bound {bound(questions):.2f}; {sizes}; scores differ by {difference:.1e} at most'
    print_row(name, len(questions), '/s', ours, theirs, note)


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--questions', type=int, default=16)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--cases', nargs='*', choices=CASES, default=list(CASES), metavar='CASE')
    arguments = parser.parse_args()
    print('| options | ours | lm-evaluation-harness | ratio | |\n|---|---|---|---|---|')
    for name in arguments.cases:
        options, lengths = CASES[name]
        measure(name, questions_of(options, lengths, arguments.questions), arguments.repeats)


if __name__ == '__main__':
    main()
