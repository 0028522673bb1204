"""Greedy generation compared with generate of transformers: tokens per second, same weights, same prompts.

    pip install --constraint constraints.txt --editable '.[bench]'
    python benchmarks/generation.py [--prompts=32] [--repeats=3]

Prompts have 20 to 300 tokens, answers 64. transformers gets the prompts sorted by length, padded at the left, in
batches of the size that is fastest for it on this machine.
"""

import argparse
import functools

import numpy as np
import torch
from peers import alternate, fastest, llama, print_row, random_tokens

from flan_jax.inference.generation import Generator

NEW_TOKENS = 64
"""Of every answer; there is no EOS, so that both sides generate equally much."""

THEIR_BATCH_SIZES = (4, 8, 16, 32)
OUR_BATCH_TOKENS = (4096, 8192, 16384)


def prompts_of(count: int) -> list[np.ndarray]:
    """Random prompts, longest first."""
    random = np.random.default_rng(0)
    prompts = [random_tokens(random, random.integers(20, 301)) for _ in range(count)]
    return sorted(prompts, key=len, reverse=True)


def their_answers(prompts: list[np.ndarray], batch_size: int) -> list[list[int]]:
    """The answers of transformers."""
    answers = []
    for start in range(0, len(prompts), batch_size):
        answers += _their_batch(prompts[start : start + batch_size])
    return answers


def _their_batch(prompts: list[np.ndarray]) -> list[list[int]]:
    longest = len(prompts[0])
    tokens = torch.tensor(np.array([np.pad(prompt, (longest - len(prompt), 0)) for prompt in prompts]))
    mask = torch.tensor(np.array([np.arange(longest) >= longest - len(prompt) for prompt in prompts]), dtype=torch.long)
    with torch.inference_mode():
        written = llama()[0].generate(
            input_ids=tokens,
            attention_mask=mask,
            max_new_tokens=NEW_TOKENS,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
    return written[:, longest:].tolist()


@functools.cache
def generator(batch_tokens: int) -> Generator:
    """Our generator at a batch size."""
    return Generator(llama()[1], max_new_tokens=NEW_TOKENS, batch_tokens=batch_tokens)


def our_answers(prompts: list[np.ndarray], batch_tokens: int) -> list[list[int]]:
    """Our answers."""
    return [answer.tolist() for answer in generator(batch_tokens).answer(prompts)]


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--prompts', type=int, default=32)
    parser.add_argument('--repeats', type=int, default=3)
    arguments = parser.parse_args()
    prompts = prompts_of(arguments.prompts)
    sizes = [size for size in THEIR_BATCH_SIZES if size <= len(prompts)]
    batch_size = fastest({size: functools.partial(their_answers, prompts, size) for size in sizes})
    tokens = fastest({n: functools.partial(our_answers, prompts, n) for n in OUR_BATCH_TOKENS})
    same = np.mean([a == b for a, b in zip(our_answers(prompts, tokens), their_answers(prompts, batch_size))])
    ours, theirs = alternate(
        lambda: our_answers(prompts, tokens), lambda: their_answers(prompts, batch_size), arguments.repeats
    )
    print('| prompts | ours | transformers | ratio | |\n|---|---|---|---|---|')
    note = f'batches of {tokens} tokens and of {batch_size} prompts; {100 * same:.0f} % of the answers are equal'
    print_row(f'{len(prompts)} prompts', NEW_TOKENS * len(prompts), 'tokens/s', ours, theirs, note)


if __name__ == '__main__':
    main()
