"""An optimizer for each parameter by itself: nothing that it keeps or counts is shared with another."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

Scalars = Mapping[str, jax.Array]
"""Name of a parameter to a number."""


class OneState(NamedTuple):
    """What is kept of one parameter.

    Attributes:
      inner: the optimizer's state.
      stopped: whether it stays as it is from now on.
      best: what it was at its lowest validation loss.
      lowest: that loss, in nats; infinite before the first.
      since: validations since then.
    """

    inner: Any
    stopped: jax.Array
    best: jax.Array
    lowest: jax.Array
    since: jax.Array


def independent(optimizer: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Applies an optimizer to every parameter by itself, each on its own loss.

    `update` takes `shares`: the part of the batch's denominator that is a parameter's own, by which its gradient is
    divided. Where that is 0, or the parameter has stopped, neither it nor its state changes: the step does not count.
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
    """Parameters and state after a validation: what was no better for `patience` in a row stops, as it was at its best.

    A loss that is no number, as where there was nothing to validate on, stops nothing.
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
