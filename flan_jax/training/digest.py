"""A digest of weights in memory: which numbers they are, whatever file they came from and however they are laid out."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_jax.model.decoder import Params

_SEEDS = (0x9E3779B9, 0x85EBCA6B)


def digests(params: Params, mesh: Mesh) -> dict[str, str]:
    """Shape, dtype and sixteen hexadecimal digits of every parameter's bits.

    They are sums of 32-bit integers that wrap, one for each element's bits and place, so that no order of adding and no
    sharding changes them. All processes must call it together, and all get the same.
    """
    digest = jax.jit(_digests, out_shardings=NamedSharding(mesh, PartitionSpec()))
    found = {name: np.asarray(value) for name, value in digest(dict(params)).items()}
    return {
        name: f'{params[name].shape} {params[name].dtype} ' + ''.join(f'{part:08x}' for part in found[name])
        for name in sorted(found)
    }


def _digests(params: Params) -> dict[str, jax.Array]:
    return {name: jnp.stack([_digest(value, seed) for seed in _SEEDS]) for name, value in params.items()}


def _digest(value: jax.Array, seed: int) -> jax.Array:
    """The sum over all elements of a hash of bits and place, uint32."""
    width = {2: jnp.uint16, 4: jnp.uint32}[value.dtype.itemsize]
    bits = jax.lax.bitcast_convert_type(value, width).astype(jnp.uint32)
    place, stride = jnp.zeros(value.shape, jnp.uint32), 1
    for axis in reversed(range(value.ndim)):
        place += jax.lax.broadcasted_iota(jnp.uint32, value.shape, axis) * jnp.uint32(stride % 2**32)
        stride *= value.shape[axis]
    return _mixed(bits ^ _mixed(place * jnp.uint32(0x01000193) + jnp.uint32(seed))).sum(dtype=jnp.uint32)


def _mixed(x: jax.Array) -> jax.Array:
    """MurmurHash3's last steps, in which every bit of a number reaches every other."""
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
