"""The KV cache: keys and values of earlier tokens, in two parts: one for a prefilled prefix, one for decode steps.

Shape letters: L layers, B batch, M prefixes (a divisor of B), K key and value heads, S slots, N head dimensions.
"""

import dataclasses
import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp

LayerStack = Any
"""A value for every layer: a tree of arrays [L, ...], or a list of L trees if layers are unstacked."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PrefixCache:
    """Keys and values of prefilled tokens; it does not grow.

    Of a batch of B rows, the first B / M attend to the first prefix, the next B / M to the second, and so on.

    Attributes:
      keys, values: of all layers, [L, M, K, S, N].
      start: position of the token in the first slot, [M].
      length: number of filled slots, [M].
    """

    keys: jax.Array
    values: jax.Array
    start: jax.Array
    length: jax.Array

    @property
    def end(self) -> jax.Array:
        """Position of the next token, [M]."""
        return self.start + self.length


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DecodeCache:
    """Keys and values of generated tokens, the same number for every row of the batch.

    Attributes:
      slots: keys and values [L, B, K, S, N]; if layers are unstacked, a list of L pairs [B, K, S, N].
      latest: keys and values of the latest token, [..., 1, N]. They are written to a slot at the start of the next
        step: XLA would copy all slots if one were written after they are read.
      start: position of the first token, [B].
      length: number of tokens so far, the latest included.
    """

    slots: LayerStack
    latest: LayerStack
    start: jax.Array
    length: jax.Array

    def filled_slots(self) -> LayerStack:
        """The slots with the latest token written to its slot."""
        fill = functools.partial(jax.lax.dynamic_update_slice_in_dim, start_index=self.length - 1, axis=-2)
        return jax.tree.map(fill, self.slots, self.latest)

    def take(self, indices_B: jax.Array) -> 'DecodeCache':
        """The caches of the rows `indices_B`, which may repeat."""
        slots, latest = jax.tree.map(lambda a: jnp.take(a, indices_B, axis=-4), (self.slots, self.latest))
        return dataclasses.replace(self, slots=slots, latest=latest)


def unstack(stacked, num_layers: int) -> list:
    """Arrays [L, ...] as a list of L trees."""
    return [jax.tree.map(operator.itemgetter(index), stacked) for index in range(num_layers)]


def append_cache(per_layer: LayerStack, slots: LayerStack) -> LayerStack:
    """The layers with one more cache to attend to."""
    if isinstance(per_layer, list):
        return [append_cache(layer, of_layer) for layer, of_layer in zip(per_layer, slots)]
    parameters, windows, prefix = per_layer
    return parameters, windows, [*prefix, slots]
