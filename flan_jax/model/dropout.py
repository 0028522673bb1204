"""Residual dropout: while a decoder learns, parts of what its layers add to the residual stream are left out.

Which they are is drawn anew for every sequence, layer and branch (Vaswani et al. 2017, section 5.4). The rate rises
with depth in a line, from 0 in the bottom layer to its peak in the top layer, as in LIMA (Zhou et al. 2023, section 3).

Shape letters: L layers, B sequences, T tokens, D model.
"""

import dataclasses

import jax
import jax.numpy as jnp

ATTENTION, FEED_FORWARD = 0, 1
"""The branches of a layer."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Dropout:
    """What is left out of one layer, or, with a first axis of layers, of all.

    Attributes:
      keys: one for each sequence, [B], so that the same is left out however a batch is cut.
      rate: the share that is left out, a scalar below 1.
    """

    keys: jax.Array
    rate: jax.Array

    def __call__(self, x_BxTxD: jax.Array, branch: int) -> jax.Array:
        """What a branch adds, parts of it zero and the others larger, so that its expectation is as it was."""
        keep = 1 - self.rate
        kept = jax.vmap(lambda key, x: jax.random.bernoulli(jax.random.fold_in(key, branch), keep, x.shape))
        return jnp.where(kept(self.keys, x_BxTxD), x_BxTxD / keep.astype(x_BxTxD.dtype), 0)


def rising_with_depth(peak: float, keys_B: jax.Array, num_layers: int) -> Dropout:
    """The dropout of every layer: keys [L, B], and rates [L] of peak * l / (L - 1); a single layer has the peak."""
    in_layer = jax.vmap(jax.random.fold_in, in_axes=(0, None))
    keys_LxB = jax.vmap(in_layer, in_axes=(None, 0))(keys_B, jnp.arange(num_layers))
    lowest = 0.0 if num_layers > 1 else peak
    return Dropout(keys_LxB, jnp.linspace(lowest, peak, num_layers))


def sequence_keys(seed: int, step: jax.Array, num_sequences: int) -> jax.Array:
    """A key for each sequence of a step's batch, [B]; the same whenever the step is computed."""
    of_step = jax.random.fold_in(jax.random.key(seed), step)
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(of_step, jnp.arange(num_sequences))
