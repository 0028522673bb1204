"""What tunings cost is arithmetic on what was measured here."""

import dataclasses
import time

import jax
import jax.numpy as jnp
import pytest

from flan_jax.command import configuration
from flan_jax.studies import cost


def test_a_core_is_measured_and_not_assumed():
    """Twice the arithmetic takes at least as much processor time as the measured speed, a third of a core's, says."""
    size, matrix = 1024, jnp.ones((1024, 1024))
    product = jax.jit(jnp.matmul)
    jax.block_until_ready(product(matrix, matrix))
    started = time.process_time()
    jax.block_until_ready(product(matrix, matrix))
    most = 2 * size**3 / (time.process_time() - started)
    assert 0.05 * most < cost.core_flops() < 0.8 * most


def test_models_that_are_asked_twice_are_tuned_once():
    run = configuration.load(['gin/runs/small.gin'], {'TFDS_DATA_DIR': 'data'})
    once, twice = cost.cost_of([run]), cost.cost_of([run, run])
    other = dataclasses.replace(run, model_dir='other')
    assert once == twice and once.tunings == 1
    assert cost.cost_of([run, other]).flops == pytest.approx(2 * once.flops)
    assert once.core_hours(once.flops / 3600) == pytest.approx(1.0)
