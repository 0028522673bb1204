"""Updates of bfloat16 weights, which are far smaller than the weights' precision, by stochastic rounding."""

import jax
import jax.numpy as jnp

from flan_jax.model.decoder import Params


def apply_updates(params: Params, updates: Params, step: jax.Array) -> Params:
    """Adds updates in float32; bfloat16 weights are rounded stochastically, with a seed derived from `step`."""
    keys = jax.random.split(jax.random.fold_in(jax.random.key(0), step), len(params))
    return {
        name: stochastically_rounded(value, key) if params[name].dtype == jnp.bfloat16 else value
        for (name, value), key in zip(sorted(_sums(params, updates).items()), keys)
    }


def stochastically_rounded(x: jax.Array, key: jax.Array) -> jax.Array:
    """float32 to bfloat16, up or down with the probabilities that make the mean exact (Rae et al. 2021, appendix C.2).

    An update of 3e-5 times the weight would be lost by rounding to nearest in bfloat16, which has eight significant
    bits; with stochastic rounding it counts in expectation.
    """
    bits = jax.lax.bitcast_convert_type(x, jnp.uint32)
    dither = jax.random.bits(key, x.shape, jnp.uint16).astype(jnp.uint32)
    rounded = jax.lax.bitcast_convert_type(((bits + dither) >> 16).astype(jnp.uint16), jnp.bfloat16)
    return jnp.where(jnp.isfinite(x), rounded, x.astype(jnp.bfloat16))


def _sums(params: Params, updates: Params) -> Params:
    return {name: params[name].astype(jnp.float32) + updates[name] for name in params}
