"""Log-probabilities computed by blocks of the vocabulary are those of the whole softmax, forwards and backwards."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.model.decoder import log_probs_after
from flan_jax.model.vocabulary_blocks import log_probs_in_blocks
from tests.toy import CONFIGS, batch_of, random_examples, random_params

ROWS, WIDTH = 7, 16

IN_BLOCKS, AT_ONCE = 3 * 1024, 2053
"""Vocabularies that can be cut evenly, and that cannot."""


def operands(vocabulary):
    """Hidden states, a kernel, labels that begin and end blocks among others, and a gradient of either sign."""
    rng = np.random.default_rng(0)
    hidden, kernel = (rng.normal(size=(rows, WIDTH)).astype(np.float32) for rows in (ROWS, vocabulary))
    labels = np.array([0, 1, 1535, 1536, 1537, 2000, vocabulary - 1], np.int32)
    return hidden, kernel, labels, np.linspace(-1, 2, ROWS, dtype=np.float32)


def at_once(hidden, kernel, labels):
    return -optax.softmax_cross_entropy_with_integer_labels(hidden @ kernel.T, labels)


@pytest.mark.parametrize('vocabulary', [IN_BLOCKS, AT_ONCE])
def test_log_probs_and_gradients_are_those_of_the_whole_softmax(vocabulary):
    hidden, kernel, labels, gradient = operands(vocabulary)

    def forwards_and_backwards(log_probs):
        found, vjp = jax.vjp(lambda hidden, kernel: log_probs(hidden, kernel, labels), hidden, kernel)
        return found, *vjp(gradient)

    found = jax.jit(forwards_and_backwards, static_argnums=0)(log_probs_in_blocks)
    expected = jax.jit(forwards_and_backwards, static_argnums=0)(at_once)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_labels_beyond_the_vocabulary_have_no_number():
    hidden, kernel, labels, _ = operands(IN_BLOCKS)
    labels[:3] = [-1, IN_BLOCKS, IN_BLOCKS + 5]
    found = np.asarray(jax.jit(log_probs_in_blocks)(hidden, kernel, labels))
    assert np.isnan(found).tolist() == [True] * 3 + [False] * (ROWS - 3)


def test_a_block_may_be_excluded():
    hidden, kernel, labels, _ = operands(IN_BLOCKS)
    hidden, labels[:] = np.abs(hidden), IN_BLOCKS - 1
    kernel[:2000] = -np.inf
    found = jax.jit(log_probs_in_blocks)(hidden, kernel, labels)
    np.testing.assert_allclose(found, at_once(hidden, kernel, labels), rtol=1e-5, atol=1e-5)


def test_large_logits_neither_overflow_nor_vanish():
    hidden, kernel, labels, _ = operands(IN_BLOCKS)
    found = jax.jit(log_probs_in_blocks)(100 * hidden, kernel, labels)
    np.testing.assert_allclose(found, at_once(100 * hidden, kernel, labels), rtol=1e-5, atol=1e-3)


def test_no_more_than_a_blocks_logits_are_needed_forwards_and_no_gradient_is_whole():
    rows, whole = 256, 4 * 256 * IN_BLOCKS
    operands = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in [(rows, WIDTH), (IN_BLOCKS, WIDTH)]]

    def memory(work):
        compiled = jax.jit(work).lower(*operands, jax.ShapeDtypeStruct([rows], jnp.int32)).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    assert memory(log_probs_in_blocks) < 0.75 * whole
    assert memory(jax.grad(lambda *operands: log_probs_in_blocks(*operands).sum(), argnums=(0, 1))) < 1.75 * whole


@pytest.mark.parametrize('tied', [True, False])
def test_on_one_cpu_device_log_probs_are_those_without_blocks(tied):
    config = dataclasses.replace(CONFIGS['rotary'], vocab_size=IN_BLOCKS, tied_embedding=tied)
    params, batch = random_params(config), batch_of([random_examples(3, seed) for seed in range(2)])
    hidden = np.random.default_rng(0).normal(size=(*batch['tokens'].shape, config.d_model)).astype(np.float32)

    def log_probs(params):
        return log_probs_after(config, params, jnp.asarray(hidden), batch, temperature=0.7)

    expected = log_probs(params)
    with jax.set_mesh(make_mesh(Parallelism())):
        found = jax.jit(log_probs)(params)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
