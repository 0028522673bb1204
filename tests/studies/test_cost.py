"""What tunings cost is arithmetic on what was measured here."""

import dataclasses

import pytest

from flan_jax.command import configuration
from flan_jax.studies import cost


def test_models_that_are_asked_twice_are_tuned_once():
    run = configuration.load(['gin/runs/small.gin'], {'TFDS_DATA_DIR': 'data'})
    once, twice = cost.cost_of([run]), cost.cost_of([run, run])
    other = dataclasses.replace(run, model_dir='other')
    assert once == twice and once.tunings == 1
    assert cost.cost_of([run, other]).flops == pytest.approx(2 * once.flops)
    assert once.core_hours(once.flops / 3600) == pytest.approx(1.0)
