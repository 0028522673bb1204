"""Adafactor, layer by layer (Shazeer & Stern 2018)."""

import dataclasses

import jax
import optax

from flan_jax.model.decoder import STACKED
from flan_jax.settings import Positive
from flan_jax.training.optimizers.optimizer import Optimizer
from flan_jax.tuning.tuning import Tuning


def per_layer(transformation: optax.GradientTransformation) -> optax.GradientTransformation:
    """Applies a transformation to each layer of stacked parameters separately.

    Adafactor factors, clips and scales by tensor. A tensor that is stacked for the scan spans all layers; mapped over
    the layer axis, the transformation does what it would do on an unrolled model.
    """

    def init(params):
        return jax.vmap(transformation.init)(params) if jax.tree.leaves(params) else optax.EmptyState()

    def update(updates, state, params):
        if not jax.tree.leaves(updates):  # no stacked parameters, as for a soft prompt
            return updates, state

        def one_layer(updates, layer):
            index, state, params = layer
            gradient = jax.tree.map(lambda x: x[index], updates)
            moved, state = transformation.update(gradient, state, params)
            return jax.tree.map(lambda x, layer: x.at[index].set(layer), updates, moved), state

        # Updates overwrite gradients, layer by layer; separate arrays would be a third copy of the model in memory.
        layers = jax.numpy.arange(len(jax.tree.leaves(updates)[0]))
        return jax.lax.scan(one_layer, updates, (layers, state, params))

    over_layers = optax.GradientTransformation(init=init, update=update)
    return optax.partition(
        {'stacked': over_layers, 'single': transformation},
        lambda params: {name: 'stacked' if name.startswith(STACKED) else 'single' for name in params},
    )


@dataclasses.dataclass(frozen=True)
class Adafactor(Optimizer):
    """Adafactor. FLAN (section 2.4) states none of its settings; these are T5's (Raffel et al. 2020, section 3.1.2).

    Attributes:
      multiply_by_parameter_scale: whether updates are relative to each parameter's root mean square.
      decay_rate: exponent of the second moment's decay.
      clipping_threshold: bound on the root mean square of an update.
    """

    multiply_by_parameter_scale: bool = True
    decay_rate: Positive = 0.8
    clipping_threshold: Positive = 1.0

    def transformation(
        self, learning_rate: optax.Schedule, weight_decay: float | None, tuning: Tuning
    ) -> optax.GradientTransformation:
        """Updates are relative to a parameter's size, and moments factored, only if the tuning allows it."""
        return per_layer(
            optax.adafactor(
                learning_rate,
                decay_rate=self.decay_rate,
                clipping_threshold=self.clipping_threshold,
                multiply_by_parameter_scale=self.multiply_by_parameter_scale and tuning.scales_updates,
                weight_decay_rate=weight_decay,
                factored=tuning.factors_moments,
            )
        )
