"""Self-attention on a CPU with a backward pass that recomputes scores (Dao et al. 2022).

Autodiff yields products of transposed scores, which XLA copies to another layout, and under remat it repeats the
forward pass for the softmax sums. This backward pass needs only the output and two numbers per query besides queries,
keys and values, and transposes only arrays with N columns. Like `attention.attend_in_blocks` it works on blocks of
queries, each with the keys up to the block's end.

Shape letters: B batch, T tokens, K key and value heads, G query heads per key head, Q queries of a block times G,
S keys up to the end of a block, N head dimensions.
"""

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name

from flan_jax.model.attention import MASKED_SCORE, query_blocks
from flan_jax.model.products import float32_product, row_major, row_major_transpose

SAVED_NAME = 'attended'
"""Name under which `jax.checkpoint` saves, with remat 'dots', the output and the softmax maxima and sums."""


@jax.custom_vjp
def attended_values(query: jax.Array, key: jax.Array, value: jax.Array, visible: jax.Array) -> jax.Array:
    """Softmax-weighted values of every query: float32 [B, K, G, T, N].

    Args:
      query: scaled queries, [B, K, G, T, N].
      key: [B, K, T, N].
      value: [B, K, T, N].
      visible: booleans [B, T, T], key by query; causal, and every query attends to itself.
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
        sums_BxKxNxQ = float32_product(row_major_transpose(value_BxKxSxN), weights.astype(value.dtype))
        attended_BxKxQxN = row_major_transpose(sums_BxKxNxQ / total[:, :, None])
        outputs.append(tuple(_by_head(array, query) for array in (attended_BxKxQxN, largest, total)))
    saved = tuple(checkpoint_name(jnp.concatenate(arrays, axis=3), SAVED_NAME) for arrays in zip(*outputs))
    return saved[0], (query, key, value, visible, saved)


def _backward(residuals, gradient):
    query, key, value, visible, (attended, largest, total) = residuals
    gradient = gradient / total[..., None]  # so that weights need not be normalised
    mean = (gradient * attended).sum(axis=-1)
    grad_query = []
    grad_key, grad_value = jnp.zeros(key.shape, jnp.float32), jnp.zeros(value.shape, jnp.float32)
    for here, past in query_blocks(query.shape[3]):
        key_BxKxSxN, query_BxKxQxN = key[:, :, past], _flat(query[:, :, :, here])
        gradient_BxKxQxN = _flat(gradient[:, :, :, here]).astype(value.dtype)
        scores = _scores(query_BxKxQxN, key_BxKxSxN, visible[:, past, here])
        weights = jnp.exp(scores - _flat(largest[:, :, :, here])[:, :, None])
        grad_weights = float32_product(value[:, :, past], row_major_transpose(gradient_BxKxQxN))
        grad_scores = (weights * (grad_weights - _flat(mean[:, :, :, here])[:, :, None])).astype(key.dtype)
        grad_block = row_major_transpose(float32_product(row_major_transpose(key_BxKxSxN), grad_scores))
        grad_query.append(_by_head(grad_block, query))
        grad_key = grad_key.at[:, :, past].add(float32_product(grad_scores, query_BxKxQxN))
        grad_value = grad_value.at[:, :, past].add(float32_product(weights.astype(value.dtype), gradient_BxKxQxN))
    grad_query = jnp.concatenate(grad_query, axis=3).astype(query.dtype)
    return grad_query, grad_key.astype(key.dtype), grad_value.astype(value.dtype), None


attended_values.defvjp(_forward, _backward)


def _scores(query_BxKxQxN, key_BxKxSxN, visible_BxSxT):
    """Scores, float32 [B, K, S, Q], of a block's queries and the keys up to its end."""
    scores = float32_product(row_major(key_BxKxSxN), row_major_transpose(query_BxKxQxN))
    sharing = scores.shape[3] // visible_BxSxT.shape[2]
    return jnp.where(jnp.tile(visible_BxSxT, (1, 1, sharing))[:, None], scores, MASKED_SCORE)


def _flat(array_BxKxGxT):
    """Merges the axes of queries that share keys: [B, K, G, T, ...] to [B, K, G * T, ...]."""
    return array_BxKxGxT.reshape(*array_BxKxGxT.shape[:2], -1, *array_BxKxGxT.shape[4:])


def _by_head(array_BxKxQ, query):
    """The inverse: [B, K, G, T, ...]."""
    return array_BxKxQ.reshape(*query.shape[:3], -1, *array_BxKxQ.shape[3:])
