"""Tiny decoders and random examples that several tests share."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.inference.loaded import LoadedModel, TokenIds
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias, Rotary
from flan_jax.model.inputs import Inputs
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out

VOCABULARY = 61
LENGTH = 64
SIZE = {'vocab_size': VOCABULARY, 'num_layers': 2, 'd_model': 16, 'num_heads': 2, 'head_dim': 8, 'd_ff': 32}
CONFIGS = {
    'relative': DecoderConfig(**SIZE, position=RelativeBias(num_buckets=8, max_distance=16)),
    'rotary': DecoderConfig(**SIZE, position=Rotary()),
    'learned': DecoderConfig(**SIZE, position=Learned(LENGTH), norm='layer'),
}


def random_params(config: DecoderConfig, scale: float = 0.1, seed: int = 0) -> decoder.Params:
    """Parameters none of which is zero or one."""
    return {name: jnp.array(value) for name, value in _random_params(config, scale, seed).items()}


@functools.cache
def _random_params(config, scale, seed):
    """In NumPy: a program that draws them takes seconds to compile, and a training step takes the buffers it is given.

    Spread as fresh parameters are, by the width of what a parameter reads, and moved by `scale` besides.
    """
    rng = np.random.default_rng(seed)

    def drawn(name, shape):
        spread = np.hypot(_fresh(name, shape), scale)
        return (name.endswith('/scale') + spread * rng.normal(size=shape)).astype(np.float32)

    return {name: drawn(name, found.shape) for name, found in decoder.parameter_shapes(config).items()}


def _fresh(name, shape):
    """The standard deviation of a fresh parameter."""
    if name.endswith(('/scale', '/bias')):
        return 0
    return shape[-1 if name.endswith('embedding') else -2] ** -0.5


@functools.partial(jax.jit, static_argnums=0)
def logits(config: DecoderConfig, params: decoder.Params, inputs: Inputs) -> jax.Array:
    """Next-token logits of every token in one pass, [B, T, V]; compiled whole, which is quicker than one by one."""
    return decoder.logits(config, params, decoder.hidden_states(config, params, inputs))


log_probs = jax.jit(decoder.label_log_probs, static_argnums=0)
"""`label_log_probs`, compiled whole."""


def loaded(config: DecoderConfig, params: decoder.Params, eos_id: int = -1) -> LoadedModel:
    """A model that takes and gives token ids only."""
    return LoadedModel(config, params, TokenIds(config.vocab_size, eos_id))


def random_examples(count: int = 23, seed: int = 0, responses: int = 1) -> list[Example]:
    """Examples of tasks 0, 1 and 2, each with up to so many responses."""
    rng = np.random.default_rng(seed)
    draw = functools.partial(rng.integers, 1, VOCABULARY)
    return [
        Example(
            draw(rng.integers(1, 20)),
            tuple(draw(rng.integers(1, 9)) for _ in range(rng.integers(1, responses + 1))),
            task=number % 3,
        )
        for number in range(count)
    ]


def batch_of(
    sequences: Sequence[Sequence[Example]], length: int = LENGTH, predicted: int | None = None, rows: int | None = None
) -> dict[str, jax.Array]:
    """The batch of a training step; tasks 0, 1 and 2 are of the clusters 0, 1 and 1.

    Rows beyond the sequences are padding: batches of one shape share what is compiled.

    Where examples have annotations, it is one of trees, with something for each response.
    """
    kept = any(example.annotations for examples in sequences for example in examples)
    responses = max(sum(len(example.responses) for example in examples) for examples in sequences) if kept else 0
    batch = lay_out(sequences, Shape(rows or len(sequences), length, predicted or length, responses))
    batch['cluster_ids'] = np.array([0, 1, 1], np.int32)[batch.pop('tasks')]
    if not kept and all(len(example.responses) == 1 for examples in sequences for example in examples):
        del batch['segment_exits']
    return {name: jnp.asarray(value) for name, value in batch.items()}
