"""Packing, accumulation and the layout of rows change how the loss is computed, never what it is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias, Rotary
from flan_jax.model.decoder import Execution
from flan_jax.objectives.next_token import label_weights, next_token_losses, summed_loss
from flan_jax.packing.best_fit import pack
from flan_jax.packing.rows import Example, expand
from flan_jax.training.step import fresh_state, train_step

SIZE = {'vocab_size': 61, 'num_layers': 2, 'd_model': 16, 'num_heads': 2, 'head_dim': 8, 'd_ff': 32}
CONFIGS = {
    'relative': DecoderConfig(**SIZE, position=RelativeBias(num_buckets=8, max_distance=16)),
    'rotary': DecoderConfig(**SIZE, position=Rotary()),
    'learned': DecoderConfig(**SIZE, position=Learned(64), norm='layer'),
}
SEQUENCE_LENGTH = 64


def random_params(config):
    params = decoder.initialise(config, jax.random.key(0))
    keys = iter(jax.random.split(jax.random.key(1), len(params)))
    return {name: value + 0.1 * jax.random.normal(next(keys), value.shape) for name, value in params.items()}


def random_examples(count=23, seed=0):
    rng = np.random.default_rng(seed)
    lengths = zip(rng.integers(1, 20, count), rng.integers(1, 9, count))
    return [Example(rng.integers(1, 61, i), rng.integers(1, 61, t), task=n % 3) for n, (i, t) in enumerate(lengths)]


def batch_of(rows, sequence_length=SEQUENCE_LENGTH):
    return {
        name: jnp.asarray(value) for name, value in expand(rows, sequence_length, cluster_of_task=[0, 1, 1]).items()
    }


def loss_and_gradient(config, batch, max_targets=SEQUENCE_LENGTH):
    total = functools.partial(summed_loss, config, max_targets=max_targets, num_clusters=2, execution=Execution())
    return jax.value_and_grad(lambda params: total(params, batch), has_aux=True)(random_params(config))


def assert_trees_close(ours, expected, **tolerance):
    jax.tree.map(functools.partial(np.testing.assert_allclose, **tolerance), ours, expected)


@pytest.mark.parametrize('name', CONFIGS)
def test_packed_loss_and_gradient_equal_unpacked(name):
    examples = random_examples()
    packed = loss_and_gradient(CONFIGS[name], batch_of(list(pack(examples, SEQUENCE_LENGTH, SEQUENCE_LENGTH, 3))))
    alone = loss_and_gradient(CONFIGS[name], batch_of([row for e in examples for row in pack([e], 32, 32, 1)], 32), 32)
    assert_trees_close(packed, alone, rtol=2e-4, atol=2e-5)


def test_loss_is_that_of_optax_on_the_targets_alone():
    config, params = CONFIGS['rotary'], random_params(CONFIGS['rotary'])
    example = random_examples(1)[0]
    tokens = np.concatenate([example.inputs, example.targets])
    hidden = decoder.hidden_states(
        config, params, tokens[None], np.arange(len(tokens))[None], np.ones((1, len(tokens)), int)
    )
    logits = decoder.logits(config, params, hidden)[0]
    expected = optax.softmax_cross_entropy_with_integer_labels(logits[:-1], tokens[1:])[len(example.inputs) - 1 :].sum()
    batch = batch_of(list(pack([example], SEQUENCE_LENGTH, SEQUENCE_LENGTH, 1)))
    ours, by_cluster = summed_loss(config, params, batch, SEQUENCE_LENGTH, 2, Execution())
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    np.testing.assert_allclose(by_cluster, [[expected, 0], [len(example.targets), 0]], rtol=1e-5)


def test_only_targets_and_their_eos_count():
    examples = [Example(np.array([5, 6, 1]), np.array([7, 1])), Example(np.array([8, 1]), np.array([9, 9, 1]))]
    labels, weights = label_weights(batch_of(list(pack(examples, 16, 16, 1)), 16))
    counted = np.asarray(labels)[np.asarray(weights) > 0]
    assert sorted(counted.tolist()) == [1, 1, 7, 9, 9]


def test_projecting_only_target_positions_changes_nothing():
    rows = list(pack(random_examples(), SEQUENCE_LENGTH, 24, 3))
    everywhere = loss_and_gradient(CONFIGS['relative'], batch_of(rows))
    assert_trees_close(loss_and_gradient(CONFIGS['relative'], batch_of(rows), 24), everywhere, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('microbatches', [2, 4])
def test_accumulated_update_equals_that_of_the_whole_batch(microbatches):
    """Rows hold unequal numbers of targets, so a mean of means would differ."""
    config = CONFIGS['relative']
    rows = list(pack(random_examples(40), SEQUENCE_LENGTH, SEQUENCE_LENGTH, 1))[:8]
    assert len({int(row.target_lengths.sum()) for row in rows}) > 3
    optimizer = optax.sgd(1.0)

    def update(microbatches):
        state, metrics = train_step(
            fresh_state(random_params(config), optimizer),
            {},
            batch_of(rows),
            config=config,
            optimizer=optimizer,
            execution=Execution(),
            microbatches=microbatches,
            max_targets=SEQUENCE_LENGTH,
            num_clusters=2,
        )
        return state.params, metrics

    assert_trees_close(update(microbatches), update(1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('remat', ['dots', 'layers'])
def test_rematerialisation_changes_nothing(remat):
    config = CONFIGS['relative']
    batch = batch_of(list(pack(random_examples(), SEQUENCE_LENGTH, SEQUENCE_LENGTH, 3)))

    def gradient(execution):
        return jax.grad(lambda p: summed_loss(config, p, batch, SEQUENCE_LENGTH, 2, execution)[0])(
            random_params(config)
        )

    again = gradient(Execution(remat=remat))
    assert_trees_close(again, gradient(Execution()), rtol=1e-4, atol=1e-6)


def test_next_token_losses_are_in_float32():
    logits = jnp.asarray([[[1000.0, 0.0, -1000.0]]], jnp.bfloat16)
    losses = next_token_losses(logits, jnp.asarray([[1]]))
    assert losses.dtype == jnp.float32 and float(losses[0, 0]) == 1000.0
