"""Adafactor, layer by layer (Shazeer & Stern 2018)."""

import jax
import optax

from flan_jax.model.decoder import STACKED


def per_layer(transformation: optax.GradientTransformation) -> optax.GradientTransformation:
    """Applies a transformation to every layer of stacked parameters by itself.

    Adafactor factors, clips and scales by tensor. On parameters stacked for the scan those would span all layers;
    mapped over the layer axis they do what they would do on an unrolled model.
    """

    def init(params):
        return jax.vmap(transformation.init)(params) if jax.tree.leaves(params) else optax.EmptyState()

    def update(updates, state, params):
        if not jax.tree.leaves(updates):  # a soft prompt is of no layer
            return updates, state

        def one_layer(updates, layer):
            index, state, params = layer
            gradient = jax.tree.map(lambda x: x[index], updates)
            moved, state = transformation.update(gradient, state, params)
            return jax.tree.map(lambda x, layer: x.at[index].set(layer), updates, moved), state

        # Updates take the place of gradients, layer by layer; side by side they would be a third copy of the model.
        layers = jax.numpy.arange(len(jax.tree.leaves(updates)[0]))
        return jax.lax.scan(one_layer, updates, (layers, state, params))

    over_layers = optax.GradientTransformation(init=init, update=update)
    return optax.partition(
        {'stacked': over_layers, 'single': transformation},
        lambda params: {name: 'stacked' if name.startswith(STACKED) else 'single' for name in params},
    )


def adafactor(
    learning_rate: float,
    decay_rate: float = 0.8,
    clipping_threshold: float = 1.0,
    multiply_by_parameter_scale: bool = True,
    weight_decay: float | None = None,
    factored: bool = True,
    warmup_steps: int = 0,
) -> optax.GradientTransformation:
    """Adafactor with a constant learning rate, as FLAN tunes (section 2.4), after an optional linear warm-up.

    FLAN states the learning rate and nothing else; the other values are T5's (Raffel et al. 2020, section 3.1.2).

    Args:
      learning_rate: step size, relative to a parameter's root mean square where that scales it.
      decay_rate: exponent of the second moment's decay.
      clipping_threshold: bound on the root mean square of an update.
      multiply_by_parameter_scale: whether updates are scaled by the parameter's root mean square.
      weight_decay: rate of decay per step; None for none.
      factored: whether second moments of large matrices are kept by row and column only.
      warmup_steps: steps over which the learning rate rises from 0.
    """
    schedule = optax.warmup_constant_schedule(0.0, learning_rate, warmup_steps) if warmup_steps else learning_rate
    return per_layer(
        optax.adafactor(
            schedule,
            decay_rate=decay_rate,
            clipping_threshold=clipping_threshold,
            multiply_by_parameter_scale=multiply_by_parameter_scale,
            weight_decay_rate=weight_decay,
            factored=factored,
        )
    )
