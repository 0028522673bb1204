"""Ratings agree with preferences pair by pair, and are as sure as they are right, or not."""

import numpy as np
import pytest

from flan_jax.metrics.preferences import (
    OVERALL,
    agreement,
    agreement_by_source,
    calibration_error,
    margins,
    reliability,
)


def test_pairs_are_right_wrong_or_undecided():
    found = agreement([margins([3, 2, 1], [0.5, 0.5, -1.0]), margins([1, 2, 2], [0.1, 0.0, 0.3])])
    assert (found.prompts, found.pairs) == (2, 5)
    assert found.accuracy == pytest.approx((2.5 / 3 + 1 / 2) / 2)
    assert found.margin == pytest.approx(((0 + 1.5 + 1.5) / 3 + (-0.1 + 0.2) / 2) / 2)
    assert found.interval == pytest.approx((1 / 2, 2.5 / 3))
    none = agreement([margins([1, 1], [0, 1])])
    assert (none.prompts, none.pairs) == (0, 0) and np.isnan(none.accuracy)


def test_a_constant_and_a_factor_change_nothing_and_a_sign_turns_all():
    rng = np.random.default_rng(0)
    scores, ratings = rng.integers(0, 5, 9), rng.normal(size=9)
    found, moved, turned = (agreement([margins(scores, of)]) for of in (ratings, 3 * ratings + 2, -ratings))
    assert moved.accuracy == found.accuracy == 1 - turned.accuracy
    np.testing.assert_allclose([moved.margin, turned.margin], [3 * found.margin, -found.margin])


def test_sources_are_reported_separately_and_together():
    of_prompts = [margins([1, 0], [2, 1]), margins([1, 0], [1, 2]), margins([0, 1, 2], [0, 1, 2])]
    found = agreement_by_source(of_prompts, ['a', 'a', 'b'])
    assert {name: (of.accuracy, of.prompts, of.pairs) for name, of in found.items()} == {
        OVERALL: (2 / 3, 3, 5),
        'a': (0.5, 2, 2),
        'b': (1.0, 1, 3),
    }


def test_ratings_that_preferences_were_drawn_by_are_calibrated_and_others_are_not():
    rng = np.random.default_rng(1)
    ratings = rng.normal(size=(20_000, 2)) * 2
    first_is_better = rng.random(len(ratings)) < 1 / (1 + np.exp(ratings[:, 1] - ratings[:, 0]))
    scores = np.stack([first_is_better, ~first_is_better], axis=1)
    bins, surer = (
        reliability([margins(of, rated) for of, rated in zip(scores.tolist(), (factor * ratings).tolist())])
        for factor in (1, 3)
    )
    assert calibration_error(bins) < 0.02 < 0.1 < calibration_error(surer)
    assert len(bins) == 10 and sum(found.weight for found in bins) == pytest.approx(1)
    assert [found.confidence for found in bins] == sorted(found.confidence for found in bins)


def test_the_error_of_one_bin():
    (found,) = reliability([[0.0], [0.0, 0.0]])
    assert (found.confidence, found.accuracy, found.weight) == (0.5, 0.5, 1.0) and calibration_error([found]) == 0
