"""What is kept of tokens that were read or written, so that others can look at it.

Shape letters: L layers, B rows, M rows of a memory, K key and value heads, S slots, N head dimensions.
"""

import dataclasses
import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp

LayerStack = Any
"""Something of every layer: a tree of arrays [L, ...], or a list of L trees where layers are apart."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PrefixCache:
    """Keys and values of tokens that stand before others, so that they need not be computed again.

    A memory of fewer rows than the tokens that look at it is shared: of B rows, the first B / M look at its first row.

    Attributes:
      keys, values: of all layers, [L, M, K, S, N].
      start: position of the token in the first slot, [M].
      length: how many slots are filled, [M].
    """

    keys: jax.Array
    values: jax.Array
    start: jax.Array
    length: jax.Array

    @property
    def end(self) -> jax.Array:
        """Position of the token that comes next, [M]."""
        return self.start + self.length


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DecodeCache:
    """Keys and values of tokens that are written one by one, equally many in every row.

    Attributes:
      slots: keys and values [L, B, K, S, N]; where layers are apart a list of L pairs [B, K, S, N].
      latest: those of the latest token, [..., 1, N], which has no slot yet. It gets one before the slots are read
        again; XLA would copy all slots if one were filled after they are read.
      start: position of the first token, [B].
      length: how many tokens there are.
    """

    slots: LayerStack
    latest: LayerStack
    start: jax.Array
    length: jax.Array

    def filled_slots(self) -> LayerStack:
        """The slots, that of the latest token filled."""
        fill = functools.partial(jax.lax.dynamic_update_slice_in_dim, start_index=self.length - 1, axis=-2)
        return jax.tree.map(fill, self.slots, self.latest)

    def rows(self, rows_B: jax.Array) -> 'DecodeCache':
        """What some rows wrote, each perhaps more than once."""
        slots, latest = jax.tree.map(lambda a: jnp.take(a, rows_B, axis=-4), (self.slots, self.latest))
        return dataclasses.replace(self, slots=slots, latest=latest)


def unstack(stacked, num_layers: int) -> list:
    """Arrays [L, ...] as a list of L trees."""
    return [jax.tree.map(operator.itemgetter(index), stacked) for index in range(num_layers)]


def append_cache(every_layer: LayerStack, slots: LayerStack) -> LayerStack:
    """Layers that remember something else besides."""
    if isinstance(every_layer, list):
        return [append_cache(layer, of_layer) for layer, of_layer in zip(every_layer, slots)]
    parameters, windows, prefix = every_layer
    return parameters, windows, [*prefix, slots]
