"""PPO's loss equals a plain version; its gradient is REINFORCE's where nothing has changed, none where clipped."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from flan_jax.model import decoder
from flan_jax.model.decoder import Execution
from flan_jax.model.inputs import Inputs
from flan_jax.model.value_head import init_value_head
from flan_jax.objectives.objective import Predictions
from flan_jax.objectives.ppo import ADVANTAGES, OLD_LOG_PROBS, OLD_VALUES, REFERENCE_LOG_PROBS, RETURNS, Ppo, divergence
from flan_jax.training.step import Learning
from flan_jax.training.step import predictions as predictions_of
from flan_jax.tuning.full import Full
from tests.toy import CONFIGS, batch_of, random_examples, random_params

SHAPE = (3, 7)


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=SHAPE) for name in (OLD_VALUES, RETURNS, ADVANTAGES)}
    columns |= {name: -rng.exponential(size=SHAPE) for name in (OLD_LOG_PROBS, REFERENCE_LOG_PROBS)}
    columns['weights'] = (rng.random(SHAPE) < 0.7).astype(float)
    return {name: jnp.asarray(value, jnp.float32) for name, value in columns.items()}


def predictions(seed=1):
    rng = np.random.default_rng(seed)
    return Predictions(
        jnp.asarray(-rng.exponential(size=SHAPE), jnp.float32), jnp.asarray(rng.normal(size=SHAPE), jnp.float32)
    )


def plainly(ppo, seen, batch):
    """Token by token in NumPy, in float64."""
    total = 0.0
    of = {name: np.asarray(value, np.float64) for name, value in batch.items()}
    for at in np.ndindex(SHAPE):
        ratio = np.exp(float(seen.log_probs_BxP[at]) - of[OLD_LOG_PROBS][at])
        bounded = min(max(ratio, 1 - ppo.clip), 1 + ppo.clip)
        advantage, value = of[ADVANTAGES][at], float(seen.values_BxR[at])
        policy = -min(ratio * advantage, bounded * advantage)
        change = min(max(value - of[OLD_VALUES][at], -ppo.value_clip), ppo.value_clip)
        errors = [(v - of[RETURNS][at]) ** 2 for v in (value, of[OLD_VALUES][at] + change)]
        d = of[REFERENCE_LOG_PROBS][at] - float(seen.log_probs_BxP[at])
        kl = np.exp(d) - 1 - d
        total += of['weights'][at] * (policy + ppo.value_weight * 0.5 * max(errors) + ppo.kl_loss * kl)
    return total


@pytest.mark.parametrize('ppo', [Ppo(), Ppo(kl_loss=0.3, clip=0.05, value_clip=1.0, value_weight=0.7)])
def test_the_loss_is_that_of_a_plain_version(ppo, batch):
    total, metrics = ppo(predictions(), batch, ())
    np.testing.assert_allclose(total, plainly(ppo, predictions(), batch), rtol=1e-5)
    assert float(metrics['loss'].total) == float(total)
    assert float(metrics['loss'].count) == float(ppo.denominator(batch)) == float(batch['weights'].sum())
    assert 0 < float(metrics['clipped'].total / metrics['clipped'].count) < 1


def gradient(ppo, batch, log_probs):
    values = batch[OLD_VALUES]
    return jax.grad(lambda log_probs: ppo(Predictions(log_probs, values), batch, ())[0])(log_probs)


def test_where_nothing_has_changed_the_gradient_is_that_of_reinforce(batch):
    found = gradient(Ppo(), batch, batch[OLD_LOG_PROBS])
    np.testing.assert_allclose(found, -batch[ADVANTAGES] * batch['weights'], rtol=1e-5)


def test_a_ratio_beyond_the_clip_in_the_right_direction_gives_no_gradient(batch):
    advantages = batch[ADVANTAGES]
    beyond = batch[OLD_LOG_PROBS] + jnp.sign(advantages) * 0.5
    assert not gradient(Ppo(), batch, beyond).any()
    back = gradient(Ppo(), batch, batch[OLD_LOG_PROBS] - jnp.sign(advantages) * 0.5)
    assert (np.asarray(back)[np.asarray(batch['weights']) > 0] != 0).all()


def test_padding_has_no_effect_however_unlikely(batch):
    found = predictions()
    padded = Predictions(
        jnp.where(batch['weights'] > 0, found.log_probs_BxP, -1e4), jnp.where(batch['weights'] > 0, found.values_BxR, 9)
    )
    ppo = Ppo(kl_loss=0.1)
    loss = lambda log_probs, seen: ppo(Predictions(log_probs, seen.values_BxR), batch, ())[0]  # noqa: E731
    assert float(loss(padded.log_probs_BxP, padded)) == pytest.approx(float(loss(found.log_probs_BxP, found)), rel=1e-6)
    assert np.isfinite(jax.grad(loss)(padded.log_probs_BxP, padded)).all()


def test_probabilities_are_those_of_sampling_at_the_temperature():
    config, batch = CONFIGS['rotary'], batch_of([[example] for example in random_examples(3)])
    params = random_params(config) | init_value_head(config, jax.random.key(0))
    learning = Learning(config, Ppo(temperature=0.5), Full(), optax.sgd(1.0), Execution())
    batch['response_ends'] = batch['predict_at']
    found = predictions_of(learning, params, batch).log_probs_BxP
    hidden = decoder.hidden_states(config, params, Inputs.of(batch))
    raw = jnp.take_along_axis(decoder.logits(config, params, hidden), batch['predict_at'][..., None], axis=1)
    drawn_from = jax.nn.softmax(raw, axis=-1) ** 2  # at a temperature of 1 / 2
    expected = jnp.log(drawn_from / drawn_from.sum(axis=-1, keepdims=True))
    expected = jnp.take_along_axis(expected, batch['labels'][..., None], axis=-1)[..., 0]
    weights = np.asarray(batch['weights'])
    np.testing.assert_allclose(found * weights, expected * weights, rtol=1e-4, atol=1e-5)


def test_the_divergence_is_zero_for_equals_and_never_negative():
    some = jnp.linspace(-3, 0, 7)
    assert not divergence(some, some).any() and (divergence(some, some[::-1]) >= 0).all()


def test_the_estimator_of_the_divergence_has_its_mean():
    """Over draws from p, the mean of exp(d) - 1 - d is KL(p || q)."""
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    mean = (p * np.asarray(divergence(jnp.log(p), jnp.log(q)))).sum()
    np.testing.assert_allclose(mean, (p * np.log(p / q)).sum(), rtol=1e-5)
