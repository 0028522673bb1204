"""The tests of the literature, against scipy and statsmodels."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats import contingency_tables

from flan_jax.metrics.judgement import Judgement
from flan_jax.metrics.significance import mcnemar, paired_bootstrap, wins


def judgements(rights):
    return [Judgement('yes' if right else 'no', ('yes',), ('yes', 'no')) for right in rights]


def test_mcnemar_is_the_exact_test():
    for only_a, only_b in [(0, 0), (1, 0), (3, 9), (10, 10), (40, 17)]:
        table = [[5, only_a], [only_b, 7]]
        assert mcnemar(only_a, only_b) == pytest.approx(contingency_tables.mcnemar(table, exact=True).pvalue)


def test_mcnemar_is_a_sum_of_binomial_chances():
    chances = scipy.stats.binom.pmf(np.arange(13), 12, 0.5)
    assert mcnemar(3, 9) == pytest.approx(2 * chances[:4].sum())
    assert mcnemar(0, 0) == 1.0


def test_wins_are_counted_by_example_over_all_templates():
    a = [judgements([1, 1, 0, 0, 1]), judgements([1, 1, 0, 0, 0])]
    b = [judgements([1, 0, 1, 0, 0]), judgements([1, 0, 1, 0, 1])]
    assert wins(a, b) == (1, 1)  # the last example is right once in both


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


def test_a_constant_answer_is_compared_like_any_other():
    random = np.random.default_rng(0)
    expected = [f'{x:.1f}' for x in random.uniform(0, 5, 40)]
    constant = [Judgement('3.8', (e,)) for e in expected]
    perfect = [Judgement(e, (e,)) for e in expected]
    assert paired_bootstrap('pearson_spearman', [constant], [constant]) == ((0.0, 0.0), 1.0)
    interval, p = paired_bootstrap('pearson_spearman', [constant], [perfect])
    assert interval == pytest.approx((100, 100)) and p < 0.01
