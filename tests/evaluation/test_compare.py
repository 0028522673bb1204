"""Two models are compared on the same rows, with the tests of the literature."""

import json

import numpy as np
import pytest
import scipy.stats
from etils import epath
from statsmodels.stats import contingency_tables

from flan_jax.command import main
from flan_jax.evaluation import records
from flan_jax.evaluation.compare import ComparisonError, compare, mcnemar, paired_bootstrap
from flan_jax.evaluation.records import RecordKey
from flan_jax.metrics.metrics import Judgement
from tests.evaluation.test_results import record


def write_model(folder, rights_by_template, dataset='rte'):
    """Records of a model that is right where `rights_by_template` says so; returns their folder."""
    folder = epath.Path(folder)
    for template, rights in enumerate(rights_by_template):
        key = RecordKey(dataset, template, 'test')
        records.write(folder, key, [record(key, i, 0, (right, 0.5)) for i, right in enumerate(rights)])
    (folder / records.SETTINGS_FILE).write_text('{}')
    return folder


def test_mcnemar_is_the_exact_test():
    for only_a, only_b in [(0, 0), (1, 0), (3, 9), (10, 10), (40, 17)]:
        table = [[5, only_a], [only_b, 7]]
        assert mcnemar(only_a, only_b) == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue)


def test_mcnemar_is_a_sum_of_binomial_chances():
    chances = scipy.stats.binom.pmf(np.arange(13), 12, 0.5)
    assert mcnemar(3, 9) == pytest.approx(2 * chances[:4].sum())
    assert mcnemar(0, 0) == 1.0


def test_wins_are_counted_by_example_over_all_templates(tmp_path):
    a = write_model(tmp_path / 'a', [[1, 1, 0, 0, 1], [1, 1, 0, 0, 0]])
    b = write_model(tmp_path / 'b', [[1, 0, 1, 0, 0], [1, 0, 1, 0, 1]])
    (found,) = compare(a, b)
    assert (found.name, found.rows, found.templates) == ('rte', 5, 2)
    assert (found.only_a, found.only_b, found.p) == (1, 1, 1.0)  # the last row is right once in both
    assert found.score_a == found.score_b == pytest.approx(50.0)
    assert {example['right'] for example in found.examples} == {'a', 'b'}
    assert all((example['right'] == 'a') == (example['a'] in example['references']) for example in found.examples)


def judgements(rights):
    return [Judgement('yes' if right else 'no', ('yes',), ('yes', 'no')) for right in rights]


def test_paired_bootstrap_agrees_with_scipy():
    random = np.random.default_rng(0)
    a, b = random.random((2, 300)) < np.array([[0.5], [0.6]])
    interval, p = paired_bootstrap('accuracy', [judgements(a)], [judgements(b)])
    difference = (100.0 * (b.astype(float) - a),)
    expected = scipy.stats.bootstrap(difference, np.mean, method='percentile', random_state=1, n_resamples=4000)
    assert interval == pytest.approx(tuple(expected.confidence_interval), abs=0.8)
    assert p == pytest.approx(scipy.stats.ttest_1samp(difference[0], 0).pvalue, abs=0.02)


def test_a_model_does_not_differ_from_itself():
    rights = np.random.default_rng(0).random(50) < 0.5
    assert paired_bootstrap('accuracy', [judgements(rights)], [judgements(rights)]) == ((0.0, 0.0), 1.0)


def test_records_of_other_rows_are_refused(tmp_path):
    a, b = write_model(tmp_path / 'a', [[1, 0, 1]]), write_model(tmp_path / 'b', [[1, 0]])
    with pytest.raises(ComparisonError, match='rte: the records are of different rows'):
        compare(a, b)
    with pytest.raises(ComparisonError, match='have no test records'):
        compare(a, write_model(tmp_path / 'c', [[1]], dataset='cb'))


def test_the_verb_prints_a_table_and_writes_json(tmp_path, capsys):
    a = write_model(tmp_path / 'a' / 'evaluation' / 'tuned', [[1, 0, 0, 0]])
    write_model(tmp_path / 'b' / 'evaluation' / 'tuned', [[0, 1, 1, 1]])
    output = tmp_path / 'compared.json'
    assert main.main(['compare', str(a), str(tmp_path / 'b'), '--examples=1', f'--output={output}']) == 0
    assert 'McNemar' in capsys.readouterr().out
    (found,) = json.loads(output.read_text())['comparisons']
    assert (found['score_a'], found['score_b'], found['only_a'], found['only_b']) == (25.0, 75.0, 1, 3)
    assert main.main(['compare', str(tmp_path / 'nothing')]) == 2
    assert '`flan-jax evaluate` writes them' in capsys.readouterr().err
