"""Soft prompts that lie one after the other: which row is whose, and where it stands.

Shape letters: R rows of all prompts together, B batch, T tokens.
"""

import jax
import jax.numpy as jnp


def row_positions(prompt_ids_R: jax.Array) -> jax.Array:
    """Where each row stands, -L to -1 in a prompt of L rows, so that every text counts from 0: [R].

    `prompt_ids_R` says of which prompt each row is, ascending.
    """
    ends = jnp.searchsorted(prompt_ids_R, prompt_ids_R, side='right')
    return jnp.arange(len(prompt_ids_R)) - ends


def lengths_at(prompt_ids_R: jax.Array, prompt_ids: jax.Array) -> jax.Array:
    """How many rows the prompts `prompt_ids` have, in their shape."""
    return jnp.zeros(len(prompt_ids_R), jnp.int32).at[prompt_ids_R].add(1)[prompt_ids]


def visible_rows(prompt_ids_R: jax.Array, prompt_ids_BxT: jax.Array) -> jax.Array:
    """Which rows each token attends to, those of its own prompt: booleans [1, R, B * T] (key, query)."""
    return (prompt_ids_R[:, None] == prompt_ids_BxT.reshape(-1))[None]
