"""Rewards agree with preferences pair by pair."""

import numpy as np

from flan_jax.metrics.preferences import OVERALL, Agreement, agreement, agreement_by_source


def test_pairs_are_right_wrong_or_undecided():
    assert agreement([3, 2, 1], [0.5, 0.5, -1.0]) == Agreement(2.5, 3)
    assert agreement([1, 2, 2], [0.1, 0.0, 0.3]) == Agreement(1.0, 2)
    assert np.isnan(agreement([1, 1], [0, 1]).accuracy)


def test_a_constant_and_a_factor_change_nothing_and_a_sign_turns_all():
    rng = np.random.default_rng(0)
    scores, rewards = rng.integers(0, 5, 9), rng.normal(size=9)
    found = agreement(scores, rewards)
    assert agreement(scores, 3 * rewards + 2) == found
    turned = agreement(scores, -rewards)
    assert turned.right + found.right == found.pairs == turned.pairs


def test_sources_add_up():
    found = agreement_by_source([[1, 0], [1, 0], [0, 1, 2]], [[2, 1], [1, 2], [0, 1, 2]], ['a', 'a', 'b'])
    assert (found['a'].accuracy, found['b'].accuracy, found[OVERALL]) == (0.5, 1.0, Agreement(4.0, 5))
