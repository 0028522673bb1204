"""Attention of sequences to themselves on a CPU, whose backward pass computes scores again (Dao et al. 2022).

Autodiff gives products that want the scores transposed, which XLA then lays out anew, and under remat it computes the
forward pass again for the sums that it divides. Written out, the backward pass needs the output and two numbers of a
query beside queries, keys and values, and transposes only what has N columns. As `attention.attend_in_blocks` it goes
by blocks of queries, each with its past.

Shape letters: B batch, T tokens, K key and value heads, G heads per K, Q queries of a block by G, S keys up to the end
of a block, N head dimensions.
"""

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from flan_jax.model.attention import MASKED_SCORE, query_blocks
from flan_jax.model.products import float32_product, laid_out, laid_out_transpose

KEPT = 'attended'
"""Name of what `jax.checkpoint` keeps of it under remat 'dots': the output, and what it was scaled by."""


@jax.custom_vjp
def attended_values(query: jax.Array, key: jax.Array, value: jax.Array, visible: jax.Array) -> jax.Array:
    """The values that every query attends to, weighted by softmax: float32 [B, K, G, T, N].

    Args:
      query: scaled queries, [B, K, G, T, N].
      key: [B, K, T, N].
      value: [B, K, T, N].
      visible: booleans [B, T, T], key by query; every query sees itself, and none sees a key after itself.
    """
    return _forward(query, key, value, visible)[0]


def _forward(query, key, value, visible):
    outputs = []
    for here, past in query_blocks(query.shape[3]):
        value_BxKxSxN = value[:, :, past]
        scores = _scores(_flat(query[:, :, :, here]), key[:, :, past], visible[:, past, here])
        largest = scores.max(axis=2)
        weights = jnp.exp(scores - largest[:, :, None])
        total = weights.sum(axis=2)
        sums_BxKxNxQ = float32_product(laid_out_transpose(value_BxKxSxN), weights.astype(value.dtype))
        attended_BxKxQxN = laid_out_transpose(sums_BxKxNxQ / total[:, :, None])
        outputs.append(tuple(_by_head(array, query) for array in (attended_BxKxQxN, largest, total)))
    kept = tuple(checkpoint_name(jnp.concatenate(arrays, axis=3), KEPT) for arrays in zip(*outputs))
    return kept[0], (query, key, value, visible, kept)


def _backward(residuals, gradient):
    query, key, value, visible, (attended, largest, total) = residuals
    gradient = gradient / total[..., None]  # so that weights need no division
    mean = (gradient * attended).sum(axis=-1)
    of_query = []
    of_key, of_value = jnp.zeros(key.shape, jnp.float32), jnp.zeros(value.shape, jnp.float32)
    for here, past in query_blocks(query.shape[3]):
        key_BxKxSxN, query_BxKxQxN = key[:, :, past], _flat(query[:, :, :, here])
        gradient_BxKxQxN = _flat(gradient[:, :, :, here]).astype(value.dtype)
        scores = _scores(query_BxKxQxN, key_BxKxSxN, visible[:, past, here])
        weights = jnp.exp(scores - _flat(largest[:, :, :, here])[:, :, None])
        of_weights = float32_product(value[:, :, past], laid_out_transpose(gradient_BxKxQxN))
        of_scores = (weights * (of_weights - _flat(mean[:, :, :, here])[:, :, None])).astype(key.dtype)
        of_queries = laid_out_transpose(float32_product(laid_out_transpose(key_BxKxSxN), of_scores))
        of_query.append(_by_head(of_queries, query))
        of_key = of_key.at[:, :, past].add(float32_product(of_scores, query_BxKxQxN))
        of_value = of_value.at[:, :, past].add(float32_product(weights.astype(value.dtype), gradient_BxKxQxN))
    of_query = jnp.concatenate(of_query, axis=3).astype(query.dtype)
    return of_query, of_key.astype(key.dtype), of_value.astype(value.dtype), None


attended_values.defvjp(_forward, _backward)


def _scores(query_BxKxQxN, key_BxKxSxN, visible_BxSxT):
    """Scores, float32 [B, K, S, Q], of a block's queries and its past."""
    scores = float32_product(laid_out(key_BxKxSxN), laid_out_transpose(query_BxKxQxN))
    sharing = scores.shape[3] // visible_BxSxT.shape[2]
    return jnp.where(jnp.tile(visible_BxSxT, (1, 1, sharing))[:, None], scores, MASKED_SCORE)


def _flat(array_BxKxGxT):
    """The queries of all heads that share keys, [B, K, G * T, ...]."""
    return array_BxKxGxT.reshape(*array_BxKxGxT.shape[:2], -1, *array_BxKxGxT.shape[4:])


def _by_head(array_BxKxQ, query):
    """The inverse: [B, K, G, T, ...]."""
    return array_BxKxQ.reshape(*query.shape[:3], -1, *array_BxKxQ.shape[3:])
