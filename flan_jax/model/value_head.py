"""A scalar head on the decoder: a reward or value, computed from the final hidden state of a token.

Its kernel is a parameter of its own, which only some objectives train (`Objective.needs_values`); a model has the head
if its parameters include the kernel.

Shape letters: B sequences, T tokens, R responses, D model.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from flan_jax.model.config import DecoderConfig

VALUE_HEAD = 'value_head/kernel'
"""Name of the head's kernel [D, 1]; it has no bias, because a constant does not change comparisons of rewards."""


def trained_by_ppo(metadata: Mapping[str, Any]) -> bool:
    """Whether a checkpoint with this metadata comes from PPO: its head is a value function then, not a reward model."""
    return (metadata.get('objective') or {}).get('type') == 'Ppo'


def value_head_shapes(config: DecoderConfig) -> dict[str, jax.ShapeDtypeStruct]:
    """Shape and dtype of the head's parameters."""
    return {VALUE_HEAD: jax.ShapeDtypeStruct((config.d_model, 1), jnp.float32)}


def init_value_head(config: DecoderConfig, key: jax.Array) -> dict[str, jax.Array]:
    """An initial head: normal with standard deviation 1 / sqrt(D + 1) (Stiennon et al. 2020, appendix B)."""
    return {VALUE_HEAD: (config.d_model + 1) ** -0.5 * jax.random.normal(key, (config.d_model, 1))}


def values(params: dict[str, jax.Array], hidden: jax.Array) -> jax.Array:
    """The head's values of hidden states: [..., D] to float32 [...]."""
    kernel_D = params[VALUE_HEAD][:, 0].astype(jnp.float32)
    return jnp.einsum('...d,d->...', hidden.astype(jnp.float32), kernel_D, precision='highest')


def response_values(params: dict[str, jax.Array], hidden_BxTxD: jax.Array, ends_BxR: jax.Array) -> jax.Array:
    """The values at the last token of each response, float32 [B, R]; see `flan_jax.packing.layout.lay_out`."""
    return values(params, jnp.take_along_axis(hidden_BxTxD, ends_BxR[..., None], axis=1))
