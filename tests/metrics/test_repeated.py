"""Votes, and the best of n: the estimators are the means over all subsets."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.metrics.bootstrap import mean_interval
from flan_jax.metrics.repeated import expected_best, kl_of_best, majority, majority_at, pass_at

QUESTIONS = st.integers(1, 6).flatmap(
    lambda count: st.lists(
        st.tuples(*[st.lists(st.integers(-2, 2), min_size=count, max_size=count)] * 2), min_size=1, max_size=3
    )
)


def by_brute_force(scores, rewards, n):
    """The mean over all subsets of n, ties in score broken in every way."""
    worth = []
    for subset in itertools.combinations(range(len(scores)), n):
        best = max(scores[i] for i in subset)
        worth.append(np.mean([rewards[i] for i in subset if scores[i] == best]))
    return np.mean(worth)


@given(QUESTIONS)
def test_the_expected_best_of_n_is_the_mean_over_all_subsets(questions):
    scores, rewards = (np.array(part) for part in zip(*questions))
    found = expected_best(scores, rewards)
    for question, n in itertools.product(range(len(scores)), range(1, scores.shape[1] + 1)):
        assert math.isclose(
            found[question, n - 1], by_brute_force(scores[question], rewards[question], n), abs_tol=1e-9
        )


@given(QUESTIONS)
def test_the_best_by_its_own_score_gets_no_worse_with_more_answers(questions):
    scores = np.array([scores for scores, _ in questions])
    found = expected_best(scores, scores)
    assert (np.diff(found, axis=1) > -1e-9).all()
    np.testing.assert_allclose(found[:, 0], scores.mean(axis=1), atol=1e-9)
    np.testing.assert_allclose(found[:, -1], scores.max(axis=1), atol=1e-9)


def test_a_thousand_answers_do_not_overflow():
    scores = np.arange(1000)[None]
    np.testing.assert_allclose(expected_best(scores, scores)[0, [0, 1, 999]], [499.5, 2 * 1001 / 3 - 1, 999], rtol=1e-9)


@pytest.mark.parametrize(('right', 'n'), [(0, 1), (1, 1), (3, 2), (5, 4), (9, 3), (10, 10)])
def test_pass_at_n_is_the_estimator_of_the_paper(right, n):
    expected = 1 - math.comb(10 - right, n) / math.comb(10, n)
    np.testing.assert_allclose(pass_at(np.arange(10)[None] < right, n), [expected], atol=1e-12)


def test_more_answers_than_there_are_cannot_be_asked_for():
    with pytest.raises(ValueError, match='n=3: must be from 1 to 2'):
        pass_at(np.ones((1, 2)), 3)


def test_the_majority_is_the_most_frequent_and_of_equals_the_first():
    assert majority(['2', '3', '3', None, None, None]) == '3'
    assert majority(['2', '3', '3', '2']) == '2'
    assert majority([None]) is None
    assert majority_at(['1', '2', '2', '1', '1', '9', '5'], 3) == ['2', '1']


def test_the_divergence_of_the_best_of_n():
    assert kl_of_best(1) == 0 and math.isclose(kl_of_best(64), math.log(64) - 63 / 64)


def test_the_interval_of_a_mean_has_the_width_of_its_standard_error():
    values = np.random.default_rng(0).random(400)
    low, high = mean_interval(values)
    half = 1.96 * values.std() / 20
    assert low < values.mean() < high and 0.85 < (high - low) / (2 * half) < 1.15
    assert mean_interval(np.ones(5)) == (1, 1)
