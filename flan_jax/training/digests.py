"""Digests of arrays: they prove that a checkpoint is read as it was saved, and distinguish weights.

A digest is the sum, modulo 2^32, over an array's words, of a hash of the word and its index. The sum does not depend on
how the array is sharded: every device hashes its own shard. For a given index the hash is invertible, so that one
changed word always changes the sum; several changed words are missed with probability of about 2^-32.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec


def digests(tree: Any) -> dict[str, str]:
    """The digest of every array of a tree, eight hexadecimal digits, by its path such as 'params/embedding'.

    All processes must call it together, with the same tree.
    """
    named, _ = jax.tree_util.tree_flatten_with_path(tree)
    if not named:
        return {}
    sharding = named[0][1].sharding
    everywhere = NamedSharding(sharding.mesh, PartitionSpec()) if isinstance(sharding, NamedSharding) else sharding
    sums = jax.jit(_digests, out_shardings=everywhere)([array for _, array in named])
    return {path_name(path): f'{value:08x}' for (path, _), value in zip(named, np.asarray(sums).tolist())}


def path_name(path: tuple) -> str:
    """The path of an array in a tree as text, such as 'params/embedding'."""
    return jax.tree_util.keystr(path, simple=True, separator='/')


def _digests(arrays: Sequence[jax.Array]) -> jax.Array:
    return jnp.stack([_digest(array) for array in arrays])


@jax.jit  # so that arrays of one shape are traced and lowered once for all trees
def _digest(array: jax.Array) -> jax.Array:
    """The digest of an array, uint32."""
    words = _words(array)
    indices = jnp.zeros(words.shape, jnp.uint32)
    for axis in range(words.ndim):
        along = lax.broadcasted_iota(jnp.uint32, words.shape, axis)
        indices += _mixed(along + jnp.uint32((axis + 1) * 0x9E3779B9 % 2**32))  # the golden ratio tells axes apart
    return _mixed(words ^ _mixed(indices)).sum(dtype=jnp.uint32)


def _words(array: jax.Array) -> jax.Array:
    """The bits of an array as uint32: one word per element, or two along a new last axis for 64-bit elements."""
    if array.dtype == bool:
        return array.astype(jnp.uint32)
    size = array.dtype.itemsize
    unsigned = {1: jnp.uint8, 2: jnp.uint16}.get(size, jnp.uint32)
    return lax.bitcast_convert_type(array, unsigned).astype(jnp.uint32)


@jax.jit
def _mixed(words: jax.Array) -> jax.Array:
    """MurmurHash3's finalizer (Appleby 2011), an invertible hash of words."""
    words = (words ^ (words >> 16)) * jnp.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * jnp.uint32(0xC2B2AE35)
    return words ^ (words >> 16)
