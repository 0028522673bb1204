"""Digests of arrays: a checkpoint proves by them that it is read as it was saved, and weights are told from others.

A digest is the sum, modulo 2^32, over an array's words, of a hash of the word and its place. A sum does not depend on
how an array is cut over devices: every process computes its part where it lies, and any other layout gives the same.
The hash is invertible for a place: one changed word always changes the sum; several go unseen about once in 2^32.
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

    All processes must call it alike.
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


@jax.jit  # so that arrays of one shape are traced and lowered once, whatever trees they stand in
def _digest(array: jax.Array) -> jax.Array:
    """The sum of an array, uint32."""
    words = _words(array)
    places = jnp.zeros(words.shape, jnp.uint32)
    for axis in range(words.ndim):
        along = lax.broadcasted_iota(jnp.uint32, words.shape, axis)
        places += _mixed(along + jnp.uint32((axis + 1) * 0x9E3779B9 % 2**32))
    return _mixed(words ^ _mixed(places)).sum(dtype=jnp.uint32)


def _words(array: jax.Array) -> jax.Array:
    """The bits of an array as uint32, a word for each number, or several along a new last axis."""
    if array.dtype == bool:
        return array.astype(jnp.uint32)
    size = array.dtype.itemsize
    unsigned = {1: jnp.uint8, 2: jnp.uint16}.get(size, jnp.uint32)
    return lax.bitcast_convert_type(array, unsigned).astype(jnp.uint32)


@jax.jit
def _mixed(words: jax.Array) -> jax.Array:
    """MurmurHash3's finalizer (Appleby 2011): an invertible scrambling of words."""
    words = (words ^ (words >> 16)) * jnp.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * jnp.uint32(0xC2B2AE35)
    return words ^ (words >> 16)
