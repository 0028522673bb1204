"""Prefilling prompts: their common prefix once, the rest in groups of similar length, into one KV cache.

Shape letters: R prompts of a group, G groups, P prompt tokens, L layers, K key and value heads, S slots, N head
dimensions, D model.
"""

import copy
import dataclasses
import functools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.errors import UserError
from flan_jax.inference.loaded import LoadedModel
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params
from flan_jax.model.kv_cache import PrefixCache
from flan_jax.model.partitioning import constrain
from flan_jax.model.programs import shared_jit

LENGTHS = (
    *(32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 448, 512, 576, 640, 768, 896),
    *(1024, 1280, 1536, 2048, 2560, 3072, 4096, 5120, 6144, 8192),
)
"""Prompts are padded to the first of these lengths that fits them. Few lengths mean few compilations."""

SHORTEST_PREFIX = 64
"""Common prefixes with fewer tokens do not get a cache of their own."""


class PromptError(UserError):
    """A prompt, or its options, cannot be given to a model."""


def padded_length(tokens: int, shortest: int = LENGTHS[0]) -> int:
    """The length that this many tokens are padded to."""
    return next(length for length in LENGTHS if length >= max(tokens, shortest))


def shared_prefix(prompts: Sequence[np.ndarray]) -> int:
    """Length of the common prefix of prompts, 0 if it is too short to be prefilled separately.

    The prefix leaves at least one token of each prompt.
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
    """Prefills the common prefix of prompts."""

    def __init__(self, model: LoadedModel):
        self._model = model
        self._prefill = shared_jit(
            functools.partial(decoder.prefill, model.config, execution=model.execution),
            out_shardings=model.placement.everywhere,
        )

    def of_model(self, model: LoadedModel) -> 'PrefixReader':
        """The reader for another model of the same configuration; nothing is compiled again."""
        other = copy.copy(self)
        other._model = model
        return other

    def prefill(self, tokens: np.ndarray) -> tuple[PrefixCache, ...]:
        """The cache of a prefix, as a tuple of one; empty if there are no tokens."""
        if not len(tokens):
            return ()
        padded = np.zeros((1, padded_length(len(tokens))), np.int32)
        padded[0, : len(tokens)] = tokens
        with self._model.mesh_context():
            return (self._prefill(self._model.params, padded, np.array([len(tokens)], np.int32))[1],)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PrefilledPrompts:
    """Prefilled prompts, or space for them.

    Prompt r of group g has index r * G + g: if every group is split equally over the devices, so are all prompts.

    Attributes:
      keys, values: [L, R, G, K, S, N].
      hidden: final hidden state of each prompt's last token, [R, G, D].
      start: position of each prompt's first token, [R, G].
      length: number of tokens of each prompt; 0 for padding, [R, G].
    """

    keys: jax.Array
    values: jax.Array
    hidden: jax.Array
    start: jax.Array
    length: jax.Array

    @property
    def cache(self) -> PrefixCache:
        """The cache of the R * G prompts of all groups."""
        keys, values = (a.reshape(a.shape[0], -1, *a.shape[3:]) for a in (self.keys, self.values))
        return PrefixCache(keys, values, self.start.reshape(-1), self.length.reshape(-1))


def empty_prompts(config: DecoderConfig, prompts: int, groups: int, slots: int, dtype: str) -> PrefilledPrompts:
    """Space for `groups` groups of `prompts` prompts with up to `slots` tokens."""
    shape = (config.num_layers, prompts, groups, config.kv_heads, slots, config.head_dim)
    none = jnp.zeros((prompts, groups), jnp.int32)
    hidden = jnp.zeros((prompts, groups, config.d_model), dtype)
    return _sharded(PrefilledPrompts(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype), hidden, none, none))


def prefill_group(
    config: DecoderConfig,
    params: Params,
    batch: Mapping[str, jax.Array],
    group: jax.Array,
    others: PrefilledPrompts,
    prefix: Sequence[PrefixCache],
    *,
    execution: Execution,
) -> PrefilledPrompts:
    """Prefills a group of prompts and adds it to the others.

    Args:
      config: the decoder.
      params: its parameters.
      batch: tokens [R, P] of the prompts, padded on the right, and their lengths [R].
      group: index of the group, a scalar.
      others: the other groups.
      prefix: caches that the prompts continue.
      execution: how to compute.
    """
    tokens_RxP, length_R = batch['tokens'], batch['lengths']
    hidden, cache = decoder.prefill(config, params, tokens_RxP, length_R, execution, prefix)
    last = jnp.maximum(length_R - 1, 0)[:, None, None]
    slots = slice(0, tokens_RxP.shape[1])
    together = PrefilledPrompts(
        keys=others.keys.at[:, :, group, :, slots].set(cache.keys),
        values=others.values.at[:, :, group, :, slots].set(cache.values),
        hidden=others.hidden.at[:, group].set(jnp.take_along_axis(hidden, last, axis=1)[:, 0]),
        start=others.start.at[:, group].set(cache.start),
        length=others.length.at[:, group].set(length_R),
    )
    return _sharded(together)


def _sharded(prompts: PrefilledPrompts) -> PrefilledPrompts:
    """The prompts, with every group split over the devices like a batch."""
    axes = dict(
        keys=(None, 'batch', None, 'heads', None, None),
        values=(None, 'batch', None, 'heads', None, None),
        hidden=('batch', None, None),
        start=('batch', None),
        length=('batch', None),
    )
    return PrefilledPrompts(**{name: constrain(getattr(prompts, name), names) for name, names in axes.items()})
