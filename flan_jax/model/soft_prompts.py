"""Concatenated soft prompts: which prompt each row belongs to, and its position.

Shape letters: R rows of all prompts together, B batch, T tokens.
"""

import jax
import jax.numpy as jnp


def row_positions(prompt_ids_R: jax.Array) -> jax.Array:
    """Position of each row, -L to -1 in a prompt of L rows, so that every text starts at position 0: [R].

    `prompt_ids_R` is the index of each row's prompt, ascending.
    """
    ends = jnp.searchsorted(prompt_ids_R, prompt_ids_R, side='right')
    return jnp.arange(len(prompt_ids_R)) - ends


def lengths_at(prompt_ids_R: jax.Array, prompt_ids: jax.Array) -> jax.Array:
    """Length in rows of the prompts `prompt_ids`, in the shape of `prompt_ids`."""
    return jnp.zeros(len(prompt_ids_R), jnp.int32).at[prompt_ids_R].add(1)[prompt_ids]


def visible_rows(prompt_ids_R: jax.Array, prompt_ids_BxT: jax.Array) -> jax.Array:
    """Whether each row belongs to the prompt that a token attends to: booleans [1, R, B * T] (key, query)."""
    return (prompt_ids_R[:, None] == prompt_ids_BxT.reshape(-1))[None]
