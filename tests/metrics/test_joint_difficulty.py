"""Difficulties fitted on several models' comparisons correct a rate for length."""

import numpy as np
import pytest

from flan_jax.errors import UserError
from flan_jax.metrics.joint_difficulty import joint_interval, jointly_controlled
from flan_jax.metrics.length_controlled import Comparisons, Weights

COUNT = 300


def drawn(gamma, seed, model=0.5, length=-1.5, names=None):
    """A model's comparisons, with the probabilities that known weights give."""
    random = np.random.default_rng(seed)
    baseline, ours = random.integers(200, 3000, (2, len(gamma)))
    names = names or tuple(map(str, range(len(gamma))))
    lengths = Comparisons(names, np.full(len(gamma), 0.5), baseline, ours)
    z = length * lengths.length + gamma + model
    return Comparisons(names, 1 / (1 + np.exp(-z)), baseline, ours)


GAMMA = np.random.default_rng(7).normal(0, 1.5, COUNT)
OURS, OTHERS = drawn(GAMMA, 0), [drawn(GAMMA, seed, model=seed - 4.0) for seed in range(1, 8)]
TRUE = Weights(-1.5, 1.0, 0.5).rate(GAMMA)


def test_the_true_rate_is_found_where_length_and_difficulty_work_together():
    found = jointly_controlled(OURS, OTHERS)
    assert found.rate == pytest.approx(TRUE, abs=1.0) and found.variant == 'length-controlled without prior'
    assert jointly_controlled(OURS, OTHERS, [drawn(GAMMA, 9, model=0.0)]).variant == 'length-controlled'


def test_the_order_of_the_others_instructions_and_what_they_have_beside_make_no_difference():
    order = np.random.default_rng(1).permutation(COUNT)
    names = tuple(str(i) for i in order)
    shuffled = [
        Comparisons((*names, 'more'), *(np.append(values[order], 1) for values in (
            one.wins, one.baseline_characters, one.model_characters
        ))) for one in OTHERS
    ]  # fmt: skip
    assert jointly_controlled(OURS, shuffled).rate == pytest.approx(jointly_controlled(OURS, OTHERS).rate, abs=0.05)


def test_the_interval_holds_the_rate_and_refits_each_sample():
    """Wider than what resampling gives with difficulties fixed; of a model that always ties it is a point."""
    low, high = joint_interval(OURS, OTHERS[:3], (), samples=20)
    assert low < jointly_controlled(OURS, OTHERS[:3]).rate < high
    wins = np.random.default_rng(0).random(COUNT) < OURS.wins
    noisy = Comparisons(OURS.instructions, wins.astype(float), OURS.baseline_characters, OURS.model_characters)
    wide = joint_interval(noisy, OTHERS[:3], (), samples=20)
    assert wide[1] - wide[0] > high - low


def test_others_without_the_instructions_are_refused():
    with pytest.raises(UserError, match='other models'):
        jointly_controlled(OURS, [])
    with pytest.raises(UserError, match='no verdict on any'):
        jointly_controlled(OURS, [drawn(GAMMA, 1, names=tuple(f'x{i}' for i in range(COUNT)))])
