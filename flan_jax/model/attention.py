"""Softmax attention over keys from several sources: the sequence itself, cached prefixes, tokens decoded so far.

A partial softmax is computed for each source, and the partial results are merged (Milakov & Gimelshein 2018,
algorithm 3, with sources in place of blocks). In score arrays the key axis comes before the query axis, so that on a
CPU a sum over keys adds whole vectors.

Shape letters: B rows of queries, T queries, M rows of keys, S keys, H heads, K key and value heads, G query heads per
key head, N head dimensions. M divides B. Rows of queries that share a row of keys are grouped; Q is the number of
queries in a group.
"""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp

from flan_jax.model import products
from flan_jax.model.config import DecoderConfig

MASKED_SCORE = -1e30
"""Score of a masked key; finite, so that rows of padding do not give NaN."""

QUERY_BLOCK = 128
"""Least number of queries per block. A sequence has at most four blocks, because each is compiled separately."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class AttentionMask:
    """How queries attend to the keys of one source.

    Attributes:
      visible: booleans [M, S, Q], key by query.
      bias: added to scores, broadcastable to [M, H, S, Q]; None for no bias.
      distance: query position minus key position, broadcastable to [M, S, Q]; None where no layer has a window.
    """

    visible: jax.Array
    bias: jax.Array | None = None
    distance: jax.Array | None = None

    def within(self, window: jax.Array | None) -> 'AttentionMask':
        """The mask without keys that are `window` or more positions before the query."""
        if window is None:
            return self
        assert self.distance is not None, 'a layer with a window needs distances'
        return dataclasses.replace(self, visible=self.visible & (self.distance < window))

    def block(self, queries: slice, keys: slice) -> 'AttentionMask':
        """The part of the mask for some queries and keys; no array of the mask may rely on broadcasting."""
        return jax.tree.map(lambda array: array[..., keys, queries], self)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PartialSoftmax:
    """The softmax over the keys of one source, not yet normalised, in float32.

    Attributes:
      largest: the largest score, [B, K, G, T].
      total: sum of exp(score - largest) over keys, [B, K, G, T].
      value: sum of exp(score - largest) * value over keys, [B, K, G, T, N].
    """

    largest: jax.Array
    total: jax.Array
    value: jax.Array


def attend(query_BxKxGxTxN, key_MxKxSxN, value_MxKxSxN, mask: AttentionMask, config: DecoderConfig) -> PartialSoftmax:
    """Attention to the keys of one source: scaled, capped, biased and masked, in this order."""
    sharing = query_BxKxGxTxN.shape[0] // key_MxKxSxN.shape[0]
    query = _group_queries(query_BxKxGxTxN, sharing) * config.scale_of_queries
    scores = products.scores_of(key_MxKxSxN, query)
    if config.attention_softcap is not None:
        scores = config.attention_softcap * jnp.tanh(scores / config.attention_softcap)
    if mask.bias is not None:
        bias = mask.bias.reshape(-1, *query.shape[1:3], *mask.bias.shape[2:])
        scores += jnp.swapaxes(bias, 2, 3).astype(scores.dtype)
    scores = jnp.where(mask.visible[:, None, :, None], scores, MASKED_SCORE)
    # The maximum cancels out when sources are merged, so no gradient needs to pass through it.
    largest = jax.lax.stop_gradient(scores.max(axis=2))
    weights = jnp.exp(scores - largest[:, :, None])
    value = products.weighted_values(weights.astype(value_MxKxSxN.dtype), value_MxKxSxN)
    return PartialSoftmax(*(_ungroup_queries(array, sharing) for array in (largest, weights.sum(axis=2), value)))


def attend_in_blocks(query, key, value, mask: AttentionMask, config: DecoderConfig) -> PartialSoftmax:
    """Causal attention within a sequence: a block of queries reads only the keys up to the block's end.

    Equal to `attend` over the whole sequence, with five eighths of its arithmetic and a fraction of its memory.
    """
    blocks = []
    for here, past in query_blocks(query.shape[3]):
        partial = attend(query[:, :, :, here], key[:, :, past], value[:, :, past], mask.block(here, past), config)
        blocks.append(partial)
    return jax.tree.map(lambda *arrays: jnp.concatenate(arrays, axis=3), *blocks)


def query_blocks(length: int) -> Iterator[tuple[slice, slice]]:
    """The queries of each block of a sequence, and the keys up to its end."""
    size = max(QUERY_BLOCK, -(-length // 4))
    for start in range(0, length, size):
        end = min(start + size, length)
        yield slice(start, end), slice(0, end)


def merge_partials(partials: Sequence[PartialSoftmax]) -> jax.Array:
    """The softmax-weighted values over the keys of all sources: float32 [B, T, K, G, N]."""
    largest = functools.reduce(jnp.maximum, (partial.largest for partial in partials))
    scales = [jnp.exp(partial.largest - largest) for partial in partials]
    total = functools.reduce(jnp.add, (scale * partial.total for scale, partial in zip(scales, partials)))
    values = (scale[..., None] * partial.value for scale, partial in zip(scales, partials))
    value = functools.reduce(jnp.add, values)
    return jnp.moveaxis(value / total[..., None], 3, 1)


def _group_queries(query_BxKxGxTxN: jax.Array, sharing: int) -> jax.Array:
    """Queries that share a row of keys, [M, K, G, Q, N]."""
    if sharing == 1:
        return query_BxKxGxTxN
    rows, *heads, length, head_dim = query_BxKxGxTxN.shape
    grouped = query_BxKxGxTxN.reshape(rows // sharing, sharing, *heads, length, head_dim)
    return jnp.moveaxis(grouped, 1, 3).reshape(rows // sharing, *heads, sharing * length, head_dim)


def _ungroup_queries(array_MxKxGxQ: jax.Array, sharing: int) -> jax.Array:
    """The inverse: [M, K, G, Q, ...] to [B, K, G, T, ...]."""
    if sharing == 1:
        return array_MxKxGxQ
    rows, *heads, queries = array_MxKxGxQ.shape[:4]
    grouped = array_MxKxGxQ.reshape(rows, *heads, sharing, queries // sharing, *array_MxKxGxQ.shape[4:])
    return jnp.moveaxis(grouped, 3, 1).reshape(rows * sharing, *heads, queries // sharing, *array_MxKxGxQ.shape[4:])
