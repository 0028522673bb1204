"""The decoder's inputs: tokens, their positions, and the tree of a packed sequence that each belongs to.

A sequence holds trees of pieces. The pieces are numbered in preorder: the entry of a piece is its own number, its exit
the number after its last descendant. A prompt with one response is a single piece; a prompt with several responses is
one piece with a child for each response.

Shape letters: B batch, T tokens.
"""

import dataclasses
from collections.abc import Mapping

import jax
import jax.numpy as jnp


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Inputs:
    """Packed sequences.

    Attributes:
      tokens: token ids, [B, T].
      positions: each token's distance from the root of its tree, in tokens, [B, T].
      segment_ids: entry of the token's piece, [B, T]; 0 for padding.
      segment_exits: exit of the token's piece, [B, T]; None if every piece is a tree by itself, which is cheaper.
      prompt_ids: the soft prompt that the token attends to, [B, T]; None if there is one for all, or none.
    """

    tokens: jax.Array
    positions: jax.Array
    segment_ids: jax.Array
    segment_exits: jax.Array | None = None
    prompt_ids: jax.Array | None = None

    @classmethod
    def of(cls, batch: Mapping[str, jax.Array]) -> 'Inputs':
        """The columns of a batch that a decoder reads, see `flan_jax.packing.layout`."""
        return cls(
            batch['tokens'], batch['positions'], batch['segment_ids'], batch.get('segment_exits'),
            batch.get('prompt_ids'),
        )  # fmt: skip


def attention_mask(inputs: Inputs) -> jax.Array:
    """Which keys each query attends to, booleans [B, T, T] (key, query).

    A token attends to itself, to the tokens before it in its piece, and to those in the ancestors of its piece: a key
    is visible if entry_key <= entry_query < exit_key and it does not come after the query.
    """
    entry = inputs.segment_ids
    length = entry.shape[1]
    causal = jnp.triu(jnp.ones((length, length), bool))
    key_entry, query_entry = entry[:, :, None], entry[:, None, :]
    if inputs.segment_exits is None:
        return causal & (key_entry == query_entry)
    return causal & (key_entry <= query_entry) & (query_entry < inputs.segment_exits[:, :, None])
