"""Adafactor on stacked layers moves every layer as it would move alone."""

import jax
import numpy as np
import optax
import pytest

from flan_jax.model import decoder
from flan_jax.model.config import lamda
from flan_jax.model.decoder import STACKED
from flan_jax.training.optimizer import adafactor

LAYERS = 3
CONFIG = lamda(num_layers=LAYERS, d_model=128, vocab_size=160, head_dim=64)


def unstack(tree):
    """Stacked parameters cut into one entry per layer, as an unrolled model has them."""
    flat = {}
    for name, value in tree.items():
        if name.startswith(STACKED):
            flat |= {f'layer_{i}/{name}': value[i] for i in range(LAYERS)}
        else:
            flat[name] = value
    return flat


def uneven_params():
    """Layers of very different size, so that the scale of one must not be that of another."""
    sizes = np.array([0.1, 1.0, 10.0])
    return {
        name: value * (sizes.reshape(-1, *[1] * (value.ndim - 1)) if name.startswith(STACKED) else 1.0)
        for name, value in decoder.initialise(CONFIG, jax.random.key(0)).items()
    }


def gradients(params, step):
    """Gradients of very different size in every layer, so that clipping one layer must not clip another."""
    keys = iter(jax.random.split(jax.random.key(step), len(params)))
    scale = np.array([0.01, 1.0, 100.0])
    return {
        name: jax.random.normal(next(keys), value.shape)
        * (scale.reshape(-1, *[1] * (value.ndim - 1)) if name.startswith(STACKED) else 1.0)
        for name, value in params.items()
    }


def moves(optimizer):
    """A step of an optimizer: gradients, state and parameters to parameters and state."""

    @jax.jit
    def move(gradient, state, params):
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    return move


@pytest.mark.parametrize('scaled', [True, False])
def test_scanned_and_unrolled_models_move_alike(scaled):
    params = uneven_params()
    ours = adafactor(0.01, multiply_by_parameter_scale=scaled)
    plain = optax.adafactor(0.01, multiply_by_parameter_scale=scaled)
    state, unrolled = ours.init(params), unstack(params)
    plain_state = plain.init(unrolled)
    move, plain_move = moves(ours), moves(plain)
    for step in range(4):
        gradient = gradients(params, step)
        params, state = move(gradient, state, params)
        unrolled, plain_state = plain_move(unstack(gradient), plain_state, unrolled)
        for name, value in unstack(params).items():
            np.testing.assert_allclose(value, unrolled[name], rtol=1e-5, atol=1e-8, err_msg=f'{name}, step {step}')


def test_optax_on_stacked_parameters_would_differ():
    """What `per_layer` is for: without it, layers share their clipping and scale."""
    params = uneven_params()
    gradient = gradients(params, 0)
    plain = optax.adafactor(0.01)
    stacked = plain.update(gradient, plain.init(params), params)[0]
    ours = adafactor(0.01).update(gradient, adafactor(0.01).init(params), params)[0]
    name = 'layers/feed_forward/up/kernel'
    assert not np.allclose(stacked[name], ours[name], rtol=0.05)


def test_learning_rate_rises_to_its_constant():
    optimizer = adafactor(0.1, warmup_steps=2, multiply_by_parameter_scale=False)
    params = {'final_norm/scale': np.ones(4, np.float32), 'layers/attention_norm/scale': np.ones((2, 4), np.float32)}
    state, sizes = optimizer.init(params), []
    for _ in range(4):
        updates, state = optimizer.update(params, state, params)
        sizes.append(float(abs(updates['final_norm/scale'][0])))
    assert sizes == pytest.approx([0.0, 0.05, 0.1, 0.1], rel=1e-3)
