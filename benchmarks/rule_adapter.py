"""The cost of the rule adapter: greedy tokens per second with and without its rules, same weights, same prompts.

    python benchmarks/rule_adapter.py [--prompts=16] [--repeats=3]

A decoder of 26M parameters with random weights and Llama 2's 32,000 tokens; prompts of 20 to 300 tokens, answers of 64.
Processor time on one core; repetitions alternate.
"""

import argparse
import os
import statistics
import time

import jax
import numpy as np

from flan_jax.inference.generation import Generator
from flan_jax.inference.loaded import LoadedModel, TokenIds
from flan_jax.inference.processors.diversity import Diversity
from flan_jax.inference.processors.eos_ramp import EosRamp
from flan_jax.inference.processors.repetition_penalty import RepetitionPenalty
from flan_jax.inference.processors.token_scores import IdScores
from flan_jax.inference.sampling import Greedy
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig, Rotary

VOCABULARY, NEW_TOKENS, NEVER = 32_000, 64, 0
SIZE = {'vocab_size': VOCABULARY, 'num_layers': 8, 'd_model': 384, 'num_heads': 6, 'head_dim': 64, 'd_ff': 1024}

IDS = tuple(range(100, 115))
RULES = (IdScores(IDS, (-1.0,) * len(IDS)), EosRamp(weight=-1e4, eos_id=NEVER), Diversity(first=0))
"""As many as the paper's; the weight keeps answers from ending, so that all sides generate equally much."""

CHAINS = {
    'no rules': (),
    'token scores': RULES[:1],
    'EOS ramp': RULES[1:2],
    'diversity': RULES[2:],
    'all three rules': RULES,
    'repetition penalty': (RepetitionPenalty(1.2),),
}


def seconds(generator: Generator, prompts: list[np.ndarray]) -> float:
    """Processor seconds that answers take."""
    start = time.process_time()
    generator.answer(prompts)
    return time.process_time() - start


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--prompts', type=int, default=16)
    parser.add_argument('--repeats', type=int, default=3)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # JAX starts its threads later
    random = np.random.default_rng(0)
    prompts = [random.integers(200, VOCABULARY, random.integers(20, 301)) for _ in range(arguments.prompts)]
    config = DecoderConfig(**SIZE, position=Rotary())
    model = LoadedModel(config, decoder.initialise(config, jax.random.key(0)), TokenIds(VOCABULARY))
    sizes = {'max_new_tokens': NEW_TOKENS, 'batch_tokens': 8192}
    generators = {name: Generator(model, **sizes, decoding=Greedy(processors=c)) for name, c in CHAINS.items()}
    for generator in generators.values():
        generator.answer(prompts)  # compiles
    spent = {name: [] for name in CHAINS}
    for _ in range(arguments.repeats):
        for name, generator in generators.items():
            spent[name].append(seconds(generator, prompts))
    print('| chain | tokens/s | time, no rules = 1 |\n|---|---|---|')
    for name, times in spent.items():
        ratios = [a / b for a, b in zip(times, spent['no rules'])]
        speed = NEW_TOKENS * len(prompts) / statistics.median(times)
        print(f'| {name} | {speed:.0f} | {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) |')


if __name__ == '__main__':
    main()
