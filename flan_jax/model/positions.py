"""Positions: relative attention bias and rotary embedding.

Shape letters: B batch, T tokens, M rows of keys, S keys, Q queries that share a row of keys, H heads, N head
dimensions.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.model.config import Llama3Scaling, RelativeBias, Rotary

_BIAS_BLOCK = 128


def distance_bucket(distance: jax.Array, scheme: RelativeBias) -> jax.Array:
    """T5's bucket of a distance: exact up to half the buckets, then logarithmic (Raffel et al. 2020, section 2.1).

    Args:
      distance: query position minus key position, any shape; negative distances (keys ahead) are in bucket 0.
      scheme: number of buckets, and the distance from which all fall in the last.
    """
    exact = scheme.num_buckets // 2
    distance = jnp.maximum(distance, 0)
    ratio = jnp.log(jnp.maximum(distance, exact) / exact) / math.log(scheme.max_distance / exact)
    far = exact + (ratio * (scheme.num_buckets - exact)).astype(jnp.int32)
    return jnp.where(distance < exact, distance, jnp.minimum(far, scheme.num_buckets - 1))


def relative_bias(table: jax.Array, positions_MxQ: jax.Array, key_positions_MxS: jax.Array, scheme: RelativeBias):
    """Bias for arbitrary positions: table [buckets, H] to [M, H, S, Q]."""
    distance = positions_MxQ[:, None, :] - key_positions_MxS[:, :, None]
    return jnp.moveaxis(table[distance_bucket(distance, scheme)], -1, 1)


def relative_bias_in_order(table: jax.Array, length: int, scheme: RelativeBias) -> jax.Array:
    """Bias for positions 0, 1, 2, ...: table [buckets, H] to [1, H, T, T], key by query; keys ahead have distance 0.

    Every diagonal holds one value, so that the matrix consists of T / 128 distinct blocks. They are cut from repeated
    rows and put in place by a product: the gradient of a lookup would be a slow scatter of T * T rows.
    """
    size, count = _BIAS_BLOCK, -(-length // _BIAS_BLOCK)
    # Block k holds distances k * size + query - key: each diagonal is one element of a row of 2 * size - 1.
    distances_KxR = jnp.arange(count)[:, None] * size + np.arange(size - 1, -size, -1)
    by_distance_KxRxH = table[distance_bucket(distances_KxR, scheme)]
    # Cut into rows one longer than its period, the repeated row is shifted by one element per row: a Toeplitz block.
    repeated = jnp.tile(by_distance_KxRxH, (1, size + 2, 1))[:, : size * 2 * size]
    blocks_KxIxJxH = repeated.reshape(count, size, 2 * size, -1)[:, ::-1, :size]
    offset = np.arange(count)[:, None] - np.arange(count)
    is_block_AxCxK = (offset[..., None] == np.arange(count)).astype(table.dtype)
    bias = jnp.einsum('ACK,KIJH->HCJAI', is_block_AxCxK, blocks_KxIxJxH, precision='highest')
    return bias.reshape(1, -1, count * size, count * size)[:, :, :length, :length]


def rotary_angles(positions_BxT: jax.Array, rotary_dim: int, scheme: Rotary) -> jax.Array:
    """Rotation angles [B, T, rotary_dim / 2] (Su et al. 2021, section 3.2)."""
    frequencies = scheme.base ** (-np.arange(0, rotary_dim, 2) / rotary_dim)
    if scheme.scaling is not None:
        frequencies = _llama3_frequencies(frequencies, scheme.scaling)
    return positions_BxT[..., None].astype(jnp.float32) * frequencies.astype(np.float32)


def _llama3_frequencies(frequencies: np.ndarray, scaling: Llama3Scaling) -> np.ndarray:
    """Frequencies as Llama 3.1 scales them: low ones divided by `factor`, high ones kept, interpolated between."""
    wavelengths_per_context = scaling.original_length * frequencies / (2 * np.pi)
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    keep = np.clip((wavelengths_per_context - low) / (high - low), 0, 1)
    return frequencies * (keep + (1 - keep) / scaling.factor)


def rotate(x_BxTxHxN: jax.Array, angles_BxTxR: jax.Array) -> jax.Array:
    """Rotates the first 2R dimensions of every head, pairing dimension i with i + R."""
    half = angles_BxTxR.shape[-1]
    cos, sin = (f(angles_BxTxR)[:, :, None, :].astype(x_BxTxHxN.dtype) for f in (jnp.cos, jnp.sin))
    first, second, rest = jnp.split(x_BxTxHxN, [half, 2 * half], axis=-1)
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin, rest], axis=-1)
