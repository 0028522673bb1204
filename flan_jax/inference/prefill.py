"""Reading prompts: what all have in common once, the rest in groups of like length, all into one memory.

Shape letters: R prompts of a group, G groups, P prompt tokens, L layers, K key and value heads, S slots, N head
dimensions, D model.
"""

import dataclasses
import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.distributed.placement import Placement
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.model.kv_cache import PrefixCache
from flan_jax.model.partitioning import constrain

LENGTHS = (
    *(32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 448, 512, 576, 640, 768, 896),
    *(1024, 1280, 1536, 2048, 2560, 3072, 4096, 5120, 6144, 8192),
)
"""What is read is padded to the first of these lengths that holds it. Few lengths, few compilations."""

SHORTEST_PREFIX = 64
"""A common beginning of fewer tokens is not worth a memory of its own."""


def padded_length(tokens: int, shortest: int = LENGTHS[0]) -> int:
    """The length to which so many tokens are padded."""
    return next(length for length in LENGTHS if length >= max(tokens, shortest))


def shared_prefix(prompts: Sequence[np.ndarray]) -> int:
    """How many tokens at the beginning of prompts are worth to be read once for all of them.

    At least the last token of each prompt is its own.
    """
    if len(prompts) < 2:
        return 0
    longest = min(map(len, prompts)) - 1
    differs = np.zeros(longest, bool)
    for prompt in prompts[1:]:
        differs |= prompt[:longest] != prompts[0][:longest]
    shared = int(differs.argmax()) if differs.any() else longest
    return shared if shared >= SHORTEST_PREFIX else 0


class PrefixReader:
    """Reads the common beginning of prompts."""

    def __init__(self, config: DecoderConfig, params: Params, execution: Execution, placement: Placement):
        self._params = params
        self._read = jax.jit(
            functools.partial(decoder.prefill, config, execution=execution), out_shardings=placement.everywhere
        )

    def read(self, tokens: np.ndarray) -> tuple[PrefixCache, ...]:
        """The memory of the tokens, in one row; none of no tokens."""
        if not len(tokens):
            return ()
        padded = np.zeros((1, padded_length(len(tokens))), np.int32)
        padded[0, : len(tokens)] = tokens
        return (self._read(self._params, padded, np.array([len(tokens)], np.int32))[1],)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class ReadPrompts:
    """Prompts that were read, or room for them.

    Prompt r of group g stands in row r * G + g: devices that share the rows of every group then share these rows, too.

    Attributes:
      keys, values: [L, R, G, K, S, N].
      hidden: last hidden state of each prompt, [R, G, D].
      start: position of each prompt's first token, [R, G].
      length: tokens of each prompt; 0 for a row of padding, [R, G].
    """

    keys: jax.Array
    values: jax.Array
    hidden: jax.Array
    start: jax.Array
    length: jax.Array

    @property
    def memory(self) -> PrefixCache:
        """The memory of all groups, of R * G rows."""
        keys, values = (a.reshape(a.shape[0], -1, *a.shape[3:]) for a in (self.keys, self.values))
        return PrefixCache(keys, values, self.start.reshape(-1), self.length.reshape(-1))


def _laid_out(prompts: ReadPrompts) -> ReadPrompts:
    """The same, with the rows of every group split over the devices as a batch's are."""
    axes = ReadPrompts(
        keys=(None, 'batch', None, 'heads', None, None),
        values=(None, 'batch', None, 'heads', None, None),
        hidden=('batch', None, None),
        start=('batch', None),
        length=('batch', None),
    )
    return jax.tree.map(constrain, prompts, axes)


def room_for(config: DecoderConfig, rows: int, groups: int, slots: int, dtype: str) -> ReadPrompts:
    """Room for groups of prompts of up to so many tokens."""
    shape = (config.num_layers, rows, groups, config.kv_heads, slots, config.head_dim)
    none = jnp.zeros((rows, groups), jnp.int32)
    hidden = jnp.zeros((rows, groups, config.d_model), dtype)
    return _laid_out(ReadPrompts(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype), hidden, none, none))


def read_group(
    config: DecoderConfig,
    params: Params,
    tokens_RxP: jax.Array,
    length_R: jax.Array,
    group: jax.Array,
    others: ReadPrompts,
    prefix: Sequence[PrefixCache],
    *,
    execution: Execution,
) -> ReadPrompts:
    """Reads a group of prompts that continue `before`, and puts what is to be remembered beside the other groups."""
    hidden, memory = decoder.prefill(config, params, tokens_RxP, length_R, execution, prefix)
    last = jnp.maximum(length_R - 1, 0)[:, None, None]
    slots = slice(0, tokens_RxP.shape[1])
    together = ReadPrompts(
        keys=others.keys.at[:, :, group, :, slots].set(memory.keys),
        values=others.values.at[:, :, group, :, slots].set(memory.values),
        hidden=others.hidden.at[:, group].set(jnp.take_along_axis(hidden, last, axis=1)[:, 0]),
        start=others.start.at[:, group].set(memory.start),
        length=others.length.at[:, group].set(length_R),
    )
    return _laid_out(together)
