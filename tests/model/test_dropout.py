"""Residual dropout: rates that rise with depth, draws that are independent, and branches that are left out."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.model import decoder
from flan_jax.model.dropout import ATTENTION, FEED_FORWARD, rising_with_depth, sequence_keys
from flan_jax.model.inputs import Inputs
from tests.toy import CONFIGS, random_params

PEAK, LAYERS = 0.3, 4


@pytest.fixture(scope='module')
def left_out():
    """What is left of ones by each layer and branch, [L, 2, B, T, D]."""
    dropout = rising_with_depth(PEAK, sequence_keys(0, jnp.array(7), 3), LAYERS)
    ones = jnp.ones((3, 40, 64))
    both = jax.vmap(lambda of_layer: jnp.stack([of_layer(ones, branch) for branch in (ATTENTION, FEED_FORWARD)]))
    return np.asarray(both(dropout))


def test_the_rate_rises_in_a_line_with_depth(left_out):
    """p_l = p l / (L - 1), and what is kept grows by 1 / (1 - p_l)."""
    for layer, of_layer in enumerate(left_out):
        rate = PEAK * layer / (LAYERS - 1)
        deviation = (rate * (1 - rate) / of_layer.size) ** 0.5
        assert abs((of_layer == 0).mean() - rate) <= 4 * deviation
        np.testing.assert_allclose(of_layer[of_layer != 0], 1 / (1 - rate), rtol=1e-6)


def test_sequences_branches_and_layers_are_drawn_by_themselves(left_out):
    """Any two masks agree as often as independent ones."""
    masks = (left_out[1:] != 0).reshape(-1, 40 * 64)
    rates = 1 - masks.mean(1)
    for one in range(len(masks)):
        for other in range(one):
            expected = rates[one] * rates[other] + (1 - rates[one]) * (1 - rates[other])
            assert abs((masks[one] == masks[other]).mean() - expected) < 0.05


def test_a_single_layer_has_the_peak():
    np.testing.assert_allclose(rising_with_depth(PEAK, sequence_keys(0, jnp.array(0), 2), 1).rate, [PEAK])


@pytest.mark.parametrize('block', ['pre', 'parallel', 'sandwich'])
def test_a_branch_that_is_left_out_whole_adds_nothing(block):
    """At a rate near 1 the top layer adds nothing, so that the hidden states are those of one layer fewer."""
    config = dataclasses.replace(CONFIGS['rotary'], block=block)
    params = random_params(config)
    tokens = jnp.arange(2 * 8).reshape(2, 8) % config.vocab_size
    inputs = Inputs(tokens, jnp.tile(jnp.arange(8), (2, 1)), jnp.ones((2, 8), jnp.int32))
    dropout = rising_with_depth(1 - 1e-7, sequence_keys(0, jnp.array(0), 2), config.num_layers)
    found = decoder.hidden_states(config, params, inputs, dropout=dropout)
    fewer = {name: value[:1] if name.startswith(decoder.STACKED) else value for name, value in params.items()}
    expected = decoder.hidden_states(dataclasses.replace(config, num_layers=1), fewer, inputs)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
