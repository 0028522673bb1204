"""Residual dropout: in training, random elements of what each layer adds to the residual stream are set to zero.

The mask is drawn for every sequence, layer and branch (Vaswani et al. 2017, section 5.4). The rate rises linearly with
depth, from 0 in the bottom layer to its peak in the top layer, as in LIMA (Zhou et al. 2023, section 3).

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
    """Keys and rate for one layer, or for all layers, stacked along a first axis.

    Attributes:
      keys: a random key per sequence, [B], so that the mask does not depend on how the batch is cut into microbatches.
      rate: the share that is set to zero, a scalar below 1.
    """

    keys: jax.Array
    rate: jax.Array

    def __call__(self, x_BxTxD: jax.Array, branch: int) -> jax.Array:
        """Drops elements of a branch's output, and scales the rest so that the expectation is unchanged."""
        keep = 1 - self.rate
        kept = jax.vmap(lambda key, x: jax.random.bernoulli(jax.random.fold_in(key, branch), keep, x.shape))
        return jnp.where(kept(self.keys, x_BxTxD), x_BxTxD / keep.astype(x_BxTxD.dtype), 0)


def rising_with_depth(peak: float, keys_B: jax.Array, num_layers: int) -> Dropout:
    """The dropout of all layers: keys [L, B], and rates [L] of peak * l / (L - 1); a single layer has the peak."""
    in_layer = jax.vmap(jax.random.fold_in, in_axes=(0, None))
    keys_LxB = jax.vmap(in_layer, in_axes=(None, 0))(keys_B, jnp.arange(num_layers))
    lowest = 0.0 if num_layers > 1 else peak
    return Dropout(keys_LxB, jnp.linspace(lowest, peak, num_layers))


def sequence_keys(seed: int, step: jax.Array, num_sequences: int) -> jax.Array:
    """A key for each sequence of a step's batch, [B]; by the arguments alone, so that resuming repeats it."""
    of_step = jax.random.fold_in(jax.random.key(seed), step)
    return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(of_step, jnp.arange(num_sequences))
