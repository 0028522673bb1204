"""Advantages are those of the definition's double sum; penalties and whitening do what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.rollouts.advantages import advantages, token_rewards, whitened

NUMBERS = st.floats(-3, 3)
ANSWERS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=8).map(lambda pairs: np.array(pairs).T)
SHARES = st.floats(0, 1)


@given(ANSWERS, SHARES, SHARES)
def test_advantages_are_the_discounted_sum_of_later_errors(answer, discount, trace):
    rewards, values = answer
    length = len(rewards)
    following = [*values[1:], 0.0]
    errors = [rewards[t] + discount * following[t] - values[t] for t in range(length)]
    expected = [sum((discount * trace) ** (u - t) * errors[u] for u in range(t, length)) for t in range(length)]
    np.testing.assert_allclose(advantages(rewards, values, discount, trace), expected, atol=1e-9)


@given(ANSWERS)
def test_without_discount_and_decay_they_are_later_rewards_less_the_value(answer):
    rewards, values = answer
    np.testing.assert_allclose(advantages(rewards, values, 1.0, 1.0), rewards[::-1].cumsum()[::-1] - values, atol=1e-9)


def test_the_reward_comes_at_the_last_token_and_the_penalty_at_each():
    found = token_rewards(2.0, np.array([-1.0, -2.0, -3.0]), np.array([-1.5, -2.0, -2.0]), 0.1)
    np.testing.assert_allclose(found, [-0.05, 0.0, 2.1])


def test_whitened_arrays_share_one_deviation():
    arrays = [np.array([1.0, 2.0]), np.array([6.0])]
    joined = np.concatenate(whitened(arrays))
    assert joined.mean() == pytest.approx(0) and joined.std() == pytest.approx(1)
    kept = np.concatenate(whitened(arrays, shift_mean=False))
    assert kept.mean() == pytest.approx(3) and kept.std() == pytest.approx(1)
    assert whitened([np.ones(3)])[0].tolist() == [0, 0, 0]
