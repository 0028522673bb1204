"""Confidence is compared with what is right, pair by pair."""

import numpy as np
import pytest

from flan_jax.metrics.calibration import calibration


def test_pairs_sampled_by_their_confidence_are_calibrated():
    random = np.random.default_rng(0)
    margins = random.normal(0, 2, 40_000)
    wins = random.random(40_000) < 1 / (1 + np.exp(-margins))
    found = calibration(margins, wins)
    assert found.error < 0.01 and all(abs(one.confidence - one.right) < 0.03 for one in found.bins)
    surer = calibration(3 * margins, wins)
    assert surer.error > 0.1 and surer.accuracy == pytest.approx(found.accuracy)


def test_bins_by_hand():
    """Margins of 0 are the toss of a coin whoever wins; two pairs at 90 %, one of them wrong, one tied."""
    sure = np.log(9)
    found = calibration([0, sure, -sure, sure], [1, 0, 0, 0.5], bins=5)
    assert [(one.pairs, one.right) for one in found.bins] == [(1, 0.5), (3, 0.5)]
    assert [one.confidence for one in found.bins] == pytest.approx([0.5, 0.9])
    assert found.accuracy == 0.5 and found.error == pytest.approx(0.3)


def test_which_answer_comes_first_has_no_effect():
    margins, wins = np.array([0.3, -2.0, 5.0, 0.0]), np.array([1, 0.5, 0, 1])
    assert calibration(margins, wins) == calibration(-margins, 1 - wins)


def test_no_pairs_are_refused():
    with pytest.raises(ValueError, match='no pairs'):
        calibration([], [])
