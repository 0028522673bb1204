"""What a decoder reads: tokens, where each stands in its text, and which tree of a packed sequence it belongs to.

A sequence holds trees of pieces. The pieces are numbered in preorder: a piece enters at its own number and exits after
the last piece below it. A prompt with one response is a single piece; a prompt with several is one piece with a piece
for each response below it.

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
      positions: each token's place in its text, counted from the root of its tree, [B, T].
      segment_ids: where the token's piece enters in preorder, [B, T]; 0 for padding.
      segment_exits: where it exits, [B, T]; None where every piece is a tree of its own, which is cheaper to compute.
      prompt_ids: the soft prompt that the token reads, [B, T]; None where there is one for all, or none.
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

    A token attends to itself, to the tokens before it in its piece, and to those in the pieces above: a key is visible
    if entry_key <= entry_query < exit_key, and if it stands before the query.
    """
    entry = inputs.segment_ids
    length = entry.shape[1]
    causal = jnp.triu(jnp.ones((length, length), bool))
    key_entry, query_entry = entry[:, :, None], entry[:, None, :]
    if inputs.segment_exits is None:
        return causal & (key_entry == query_entry)
    return causal & (key_entry <= query_entry) & (query_entry < inputs.segment_exits[:, :, None])
