"""Digests of arrays, by which a checkpoint proves that it is read as it was saved.

A digest is the sum, modulo 2^32, over an array's words, each times a weight of its place. A sum does not depend on how
an array is cut over devices: every process computes its part where it lies, and any other layout gives the same digest.
A weight is a product of scrambled odd numbers, one for the index along each axis: the sum is a few contractions.
Odd numbers have inverses modulo 2^32: one changed word always changes the sum; several go unseen about once in 2^32.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

Digests = Mapping[str, str]
"""Name of an array in its tree to eight hexadecimal digits."""


def digests(tree: Any) -> dict[str, str]:
    """The digest of every array of a tree, by its path such as 'params/embedding'; all processes must call it alike."""
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


def differing(found: Digests, saved: Digests) -> list[str]:
    """The names of arrays whose digests differ, or that only one side has."""
    return sorted(name for name in {**found, **saved} if found.get(name) != saved.get(name))


def _digests(arrays: Sequence[jax.Array]) -> jax.Array:
    return jnp.stack([_digest(array) for array in arrays])


def _digest(array: jax.Array) -> jax.Array:
    """The sum of an array, uint32."""
    words = _words(array)
    for axis, size in enumerate(words.shape):  # the first one first: compilers turn that into sums of whole vectors
        places = lax.iota(jnp.uint32, size) + jnp.uint32((axis + 1) * 0x9E3779B9 % 2**32)
        weights = (_mixed(places) | 1).reshape([size] + [1] * (words.ndim - 1))
        words = jnp.sum(words * weights, axis=0, dtype=jnp.uint32)
    return words


def _words(array: jax.Array) -> jax.Array:
    """The bits of an array as uint32, a word for each number, or several along a new last axis."""
    if array.dtype == bool:
        return array.astype(jnp.uint32)
    size = array.dtype.itemsize
    unsigned = {1: jnp.uint8, 2: jnp.uint16}.get(size, jnp.uint32)
    return lax.bitcast_convert_type(array, unsigned).astype(jnp.uint32)


def _mixed(places: jax.Array) -> jax.Array:
    """MurmurHash3's finalizer (Appleby 2011): an invertible scrambling of words."""
    places = (places ^ (places >> 16)) * jnp.uint32(0x85EBCA6B)
    places = (places ^ (places >> 13)) * jnp.uint32(0xC2B2AE35)
    return places ^ (places >> 16)
