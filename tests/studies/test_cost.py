"""What studies cost is arithmetic on what was measured."""

import dataclasses

import pytest

from flan_jax.command import configuration
from flan_jax.studies import cost

FILES = ['gin/runs/small.gin']


def small(**given):
    return configuration.load(FILES, {'TFDS_DATA_DIR': 'data', **given})


def test_models_that_are_asked_twice_are_tuned_once():
    run = small()
    once, twice = cost.cost_of([run]), cost.cost_of([run, run])
    other = dataclasses.replace(run, model_dir='other')
    assert once == twice and once.tunings == 1
    assert cost.cost_of([run, other]).flops == pytest.approx(2 * once.flops)


def test_a_base_model_that_runs_share_is_asked_once_and_each_tuned_model_by_itself():
    shared = {'EVAL_TASKS': "('rte', 'xsum')", 'Evaluation.base_dir': 'base', 'Evaluation.templates': '(0, 1)'}
    one, other = (small(MODEL_DIR=folder, **shared) for folder in ('a', 'b'))
    alone, both = cost.cost_of([one], rows=6), cost.cost_of([one, other], rows=6)
    assert alone.ranked == 2 * 2 * 2 * 6 * one.stream.input_length  # models, splits, templates, examples
    assert alone.written == 2 * 2 * 2 * 6 * one.stream.target_length
    assert both.ranked == 1.5 * alone.ranked and both.written == 1.5 * alone.written
    by_name = small(MODEL_DIR='a', **shared | {'Evaluation.templates': '()', 'Evaluation.instructions': 'dataset_name'})
    assert cost.cost_of([one, by_name], rows=6).ranked == 1.5 * alone.ranked, 'asked anew, by one template'


def test_no_more_is_evaluated_than_the_limit_or_than_there_is():
    few, many = small(EVAL_LIMIT='2', EVAL_TASKS="('rte',)"), small(EVAL_LIMIT='None', EVAL_TASKS="('rte',)")
    assert 3 * cost.cost_of([few], rows=6).ranked == cost.cost_of([many], rows=6).ranked
    assert cost.cost_of([few], rows=1).ranked == cost.cost_of([few], rows=2).ranked / 2
    unknown = small(EVAL_TASKS="('of_prepared_data',)")
    assert cost.cost_of([unknown], rows=6).ranked == 0


def test_core_hours_are_near_those_of_a_run_that_was_measured():
    """Without translation, on samples, by an Intel Xeon: 449 s before the first step, 5,600 of 0.594 s, evaluation."""
    run = small(HELD_OUT='translation')
    measured = (449 + 5600 * 0.594) / 3600
    estimate = cost.cost_of([run], rows=6).core_hours(0.2 * 134e9)
    assert measured / 1.1 < estimate < measured * 1.25
