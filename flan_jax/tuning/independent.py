"""A separate optimizer for each parameter: parameters share no statistics and no step counts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Scalars = Mapping[str, jax.Array]
"""A number per parameter, by name."""


class OneState(NamedTuple):
    """The state of one parameter.

    Attributes:
      inner: the optimizer's state.
      stopped: whether the parameter is no longer trained.
      best: its value at the lowest validation loss.
      lowest: the lowest validation loss, in nats; infinite before the first validation.
      since: validations since the lowest loss.
    """

    inner: Any
    stopped: jax.Array
    best: jax.Array
    lowest: jax.Array
    since: jax.Array


def independent(optimizer: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Applies a separate optimizer to every parameter, each on its own loss.

    `update` takes `shares`: the share of the batch's denominator that belongs to each parameter, by which its gradient
    is divided. If the share is 0, or the parameter has stopped, neither it nor its state changes.
    """

    def init(params):
        return {name: _fresh(optimizer, name, value) for name, value in params.items()}

    def update(updates, state, params, *, shares: Scalars):
        found = {name: _update_one(optimizer, name, updates, state, params, shares[name]) for name in updates}
        return {name: moved for name, (moved, _) in found.items()}, {name: one for name, (_, one) in found.items()}

    return optax.GradientTransformationExtraArgs(init, update)


def after_validation(
    params: Mapping[str, jax.Array], state: Mapping[str, OneState], losses: Scalars, patience: int
) -> tuple[dict[str, jax.Array], dict[str, OneState]]:
    """Parameters and state after a validation.

    A parameter whose loss was no lower for `patience` validations in a row stops, and returns to its best value. A loss
    that is not finite, as for a parameter without validation examples, is not counted.
    """
    moved, kept = {}, {}
    for name, one in state.items():
        better, counts = losses[name] < one.lowest, jnp.isfinite(losses[name]) & ~one.stopped
        since = jnp.where(counts, jnp.where(better, 0, one.since + 1), one.since)
        best = jnp.where(counts & better, params[name].astype(jnp.float32), one.best)
        stopped = one.stopped | (since >= patience)
        lowest = jnp.where(counts & better, losses[name], one.lowest)
        kept[name] = OneState(one.inner, stopped, best, lowest, since)
        moved[name] = jnp.where(stopped, best.astype(params[name].dtype), params[name])
    return moved, kept


def _fresh(optimizer: optax.GradientTransformation, name: str, value: jax.Array) -> OneState:
    inner = optimizer.init({name: value})
    return OneState(inner, jnp.array(False), value + 0, jnp.array(jnp.inf), jnp.array(0))


def _update_one(optimizer, name: str, updates, state, params, share: jax.Array):
    """The update and the next state of one parameter."""
    moves = (share > 0) & ~state[name].stopped
    gradient = {name: updates[name] / jnp.where(share > 0, share, 1.0)}
    moved, inner = optimizer.update(gradient, state[name].inner, {name: params[name]})
    inner = jax.tree.map(lambda new, old: jnp.where(moves, new, old), inner, state[name].inner)
    return jnp.where(moves, moved[name], 0.0), state[name]._replace(inner=inner)
