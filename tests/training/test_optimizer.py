"""Adafactor on stacked layers moves every layer as it would move alone."""

import jax
import numpy as np
import optax
import pytest

from flan_jax.model import decoder
from flan_jax.model.config import lamda
from flan_jax.model.decoder import STACKED
from flan_jax.settings import SettingsError
from flan_jax.training.optimizers.adafactor import Adafactor
from flan_jax.training.optimizers.adamw import AdamW
from flan_jax.training.schedules.constant import Constant
from flan_jax.training.schedules.cosine import Cosine
from flan_jax.training.schedules.linear import Linear
from flan_jax.training.settings import Training
from flan_jax.tuning.full import Full

LAYERS = 3
CONFIG = lamda(num_layers=LAYERS, d_model=128, vocab_size=160, head_dim=64)


def adafactor(learning_rate, **settings):
    schedule = Constant().learning_rate(learning_rate, 10, 0)
    return Adafactor(**settings).transformation(schedule, None, Full())


def unstack(tree):
    """Stacked parameters cut into one entry per layer, as an unrolled model has them."""
    flat = {}
    for name, value in jax.device_get(tree).items():
        if name.startswith(STACKED):
            flat |= {f'layer_{i}/{name}': value[i] for i in range(LAYERS)}
        else:
            flat[name] = value
    return flat


def uneven_params():
    """Layers of very different size, so that the scale of one must not be that of another."""
    sizes = np.array([0.1, 1.0, 10.0], np.float32)
    return {
        name: value * sizes.reshape(-1, *[1] * (value.ndim - 1)) if name.startswith(STACKED) else value
        for name, value in jax.device_get(decoder.initialise(CONFIG, jax.random.key(0))).items()
    }


def gradients(params, step):
    """Gradients of very different size in every layer, so that clipping one layer must not clip another."""
    rng = np.random.default_rng(step)
    scale = np.array([0.01, 1.0, 100.0], np.float32)
    return {
        name: rng.normal(size=value.shape).astype(np.float32)
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
    state, unrolled = jax.jit(ours.init)(params), unstack(params)
    plain_state = jax.jit(plain.init)(unrolled)
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
    stacked = jax.jit(plain.update)(gradient, jax.jit(plain.init)(params), params)[0]
    adapted = adafactor(0.01)
    ours = jax.jit(adapted.update)(gradient, jax.jit(adapted.init)(params), params)[0]
    name = 'layers/feed_forward/up/kernel'
    assert not np.allclose(stacked[name], ours[name], rtol=0.05)


def test_learning_rate_rises_to_its_constant():
    training = Training(learning_rate=0.1, warmup_steps=2)
    optimizer = Adafactor(multiply_by_parameter_scale=False).transformation(training.learning_rates, None, Full())
    params = {'final_norm/scale': np.ones(4, np.float32), 'layers/attention_norm/scale': np.ones((2, 4), np.float32)}
    state, sizes = optimizer.init(params), []
    for _ in range(4):
        updates, state = optimizer.update(params, state, params)
        sizes.append(float(abs(updates['final_norm/scale'][0])))
    assert sizes == pytest.approx([0.0, 0.05, 0.1, 0.1], rel=1e-3)


def lengths(peak, steps, warmup, after):
    """Learning rates written out, step by step."""
    rise = [peak * step / warmup for step in range(warmup)]
    return rise + [peak * after(step / (steps - warmup)) for step in range(steps - warmup)]


@pytest.mark.parametrize(
    ('schedule', 'after'),
    [
        (Constant(), lambda gone: 1.0),
        (Linear(), lambda gone: 1 - gone),
        (Linear(end=0.1), lambda gone: 1 - 0.9 * gone),
        (Cosine(), lambda gone: (1 + np.cos(np.pi * gone)) / 2),
        (Cosine(end=0.1), lambda gone: 0.1 + 0.9 * (1 + np.cos(np.pi * gone)) / 2),
    ],
)
@pytest.mark.parametrize('warmup', [{}, {'warmup_steps': 7}, {'warmup_share': 0.1}])
def test_learning_rates_are_those_of_the_formula(schedule, after, warmup):
    training = Training(steps=70, learning_rate=0.3, schedule=schedule, **warmup)
    expected = lengths(0.3, 70, 7 if warmup else 0, after)
    found = [float(training.learning_rates(step)) for step in range(70)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_a_run_of_one_step_learns_where_its_warmup_is_a_share():
    assert float(Training(steps=1, warmup_share=0.03, learning_rate=0.3).learning_rates(0)) == pytest.approx(0.3)


def test_a_share_of_warmup_is_rounded_up_and_given_once():
    assert float(Training(steps=30, warmup_share=0.03, schedule=Linear()).learning_rates(1)) == pytest.approx(3e-5)
    with pytest.raises(SettingsError, match='remove one of the two'):
        Training(warmup_steps=5, warmup_share=0.1)


def test_adamw_is_that_of_the_paper():
    """Loshchilov & Hutter 2019, algorithm 2, written out; the decay is times the learning rate."""
    schedule, decay = Linear().learning_rate(0.1, 5, 2), 0.1
    optimizer = AdamW(b2=0.95).transformation(schedule, decay, Full())
    params = {'layers/x': np.linspace(-1, 2, 6, dtype=np.float32).reshape(2, 3), 'y': np.ones(4, np.float32)}
    ours, state = params, optimizer.init(params)
    mean, square = ({name: np.zeros_like(value) for name, value in params.items()} for _ in range(2))
    for step in range(5):
        gradient = {name: np.cos(value * (step + 3)) for name, value in params.items()}
        updates, state = optimizer.update(gradient, state, ours)
        ours = optax.apply_updates(ours, updates)
        rate = float(schedule(step))
        for name, g in gradient.items():
            mean[name] = 0.9 * mean[name] + 0.1 * g
            square[name] = 0.95 * square[name] + 0.05 * g**2
            direction = mean[name] / (1 - 0.9 ** (step + 1)) / (np.sqrt(square[name] / (1 - 0.95 ** (step + 1))) + 1e-8)
            params = params | {name: params[name] - rate * (direction + decay * params[name])}
            np.testing.assert_allclose(ours[name], params[name], rtol=1e-5, atol=1e-6)


def test_adamw_clips_the_norm_over_all_parameters():
    gradient = {'layers/x': np.full((2, 2), 3.0, np.float32), 'y': np.full(4, 4.0, np.float32)}  # of norm 10
    schedule = Constant().learning_rate(1.0, 10, 0)
    clipped = AdamW(b1=0.0, b2=0.5, epsilon=1.0, clip_norm=5.0).transformation(schedule, None, Full())
    _, state = clipped.update(gradient, clipped.init(gradient), gradient)
    np.testing.assert_allclose(optax.tree_utils.tree_get(state, 'mu')['y'], 2.0)
