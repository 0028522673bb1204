"""The KV cache: keys and values of earlier tokens, in two parts, that of a prefilled prefix and that of decode steps.

Shape letters: L layers, B batch, M prefixes (a divisor of B), K key and value heads, S slots, N head dimensions.
"""

import dataclasses
import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp

LayerStack = Any
"""Something of every layer: a tree of arrays [L, ...], or a list of L trees where layers are unstacked."""


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PrefixCache:
    """Keys and values of prefilled tokens. It does not grow.

    Of a batch of B, the first B / M attend to the first prefix, the next B / M to the second, and so on.

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
    """Keys and values of generated tokens, equally many for every one of the batch.

    Attributes:
      slots: keys and values [L, B, K, S, N]; where layers are unstacked a list of L pairs [B, K, S, N].
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

    def take(self, indices_B: jax.Array) -> 'DecodeCache':
        """The caches of some of the batch, each perhaps more than once."""
        slots, latest = jax.tree.map(lambda a: jnp.take(a, indices_B, axis=-4), (self.slots, self.latest))
        return dataclasses.replace(self, slots=slots, latest=latest)


def unstack(stacked, num_layers: int) -> list:
    """Arrays [L, ...] as a list of L trees."""
    return [jax.tree.map(operator.itemgetter(index), stacked) for index in range(num_layers)]


def append_cache(every_layer: LayerStack, slots: LayerStack) -> LayerStack:
    """Layers that attend to one cache more."""
    if isinstance(every_layer, list):
        return [append_cache(layer, of_layer) for layer, of_layer in zip(every_layer, slots)]
    parameters, windows, prefix = every_layer
    return parameters, windows, [*prefix, slots]
