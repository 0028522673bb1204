"""Runs side by side, from their records: a mean over templates is of answers under one setting."""

import os

from flan_jax.evaluation import records
from flan_jax.evaluation.records import ModelRecords
from flan_jax.reports.runs import evaluated_runs
from tests.evaluation.test_records import key_of, ranked_record

MADE = {'run': {'evaluation': {'base_dir': None, 'limit': None}, 'data': {'mixture': 'sst2', 'tfds_data_dir': 'none'}}}


def write(root, limit, rights_by_template, time):
    """The records of a model that is right where `rights_by_template` says so, as if they were written at a time."""
    settings = {'dataset': 'rte', 'contents': {'test': 'same'}, 'limit': limit}
    folder = ModelRecords(root, 'step_3', {'weights': 'any', 'prompt_format': {'name': 'flan'}}).open(settings)
    for template, rights in rights_by_template.items():
        key = key_of('rte', template)
        found = [ranked_record(key, i, 0, (right, 0.5), ('yes', 'no')) for i, right in enumerate(rights)]
        records.write(folder, key, found)
        os.utime(folder / key.file, (time, time))


def result_of(root):
    (found,) = evaluated_runs({'run': str(root)}, {'run': MADE}, 'sum').results['run']
    return found


def test_templates_that_were_asked_with_another_limit_do_not_count(tmp_path):
    write(tmp_path, None, {0: [1, 1, 1, 1], 1: [0, 0, 0, 0]}, time=1)
    write(tmp_path, 2, {0: [1, 0]}, time=2)
    found = result_of(tmp_path)
    assert (found.num_examples, [of.template for of in found.templates], found.mean) == (2, [0], 50.0)


def test_the_newest_answers_count_where_a_setting_was_taken_up_again(tmp_path):
    write(tmp_path, None, {0: [1, 1, 1, 1]}, time=1)
    write(tmp_path, 2, {0: [1, 0]}, time=2)
    write(tmp_path, None, {1: [0, 0, 0, 0]}, time=3)
    found = result_of(tmp_path)
    assert (found.num_examples, [of.template for of in found.templates], found.mean) == (4, [0, 1], 50.0)
