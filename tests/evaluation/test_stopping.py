"""Stopping rules: where they stop on curves whose shape is known, and where they must not."""

import math

import pytest

from flan_jax.evaluation.stopping.plateau import Plateau
from flan_jax.evaluation.stopping.rule import Point, first_met
from flan_jax.evaluation.stopping.threshold import Threshold

EVERY, MIDDLE, SLOPE, TOP = 50, 600, 100, 0.95


def curve(score, points=40):
    return [Point(step, score(step), score(step)) for step in range(0, EVERY * points, EVERY)]


def logistic(step):
    return TOP / (1 + math.exp((MIDDLE - step) / SLOPE))


@pytest.mark.parametrize('ifs', [0.3, 0.5, 0.9])
def test_a_threshold_stops_within_one_evaluation_of_where_the_curve_crosses_it(ifs):
    crossing = MIDDLE - SLOPE * math.log(TOP / ifs - 1)
    assert crossing <= first_met(Threshold(ifs=ifs), curve(logistic)).step < crossing + EVERY


@pytest.mark.parametrize('patience', [1, 2, 4])
def test_a_plateau_is_found_when_the_last_evaluations_bring_too_little(patience):
    rule = Plateau(patience=patience, gain=0.02)
    stop = first_met(rule, curve(logistic)).step
    gain = [logistic(end) - logistic(end - patience * EVERY) for end in (stop, stop - EVERY)]
    assert gain[0] < 0.02 <= gain[1] and logistic(stop) > 0.9


@pytest.mark.parametrize('rule', [Threshold(), Plateau()])
def test_a_model_that_does_not_answer_is_not_stopped(rule):
    assert first_met(rule, curve(lambda step: 0.3)) is None


def test_a_plateau_of_whole_instructions_alone_is_none():
    points = [Point(step, 0.7, 0.4) for step in range(9)]
    assert first_met(Plateau(partial=0.5), points) is None and first_met(Plateau(partial=0.4), points).step == 3


def test_the_base_model_is_never_stopped():
    points = [Point(0, 1.0, 1.0), Point(5, 0.2, 0.2), Point(10, 1.0, 1.0)]
    assert first_met(Threshold(), points).step == 10 and first_met(Threshold(), points[:2]) is None


@pytest.mark.parametrize('rule', [Threshold(ifs=0.6), Plateau(patience=2)])
def test_what_comes_later_does_not_move_the_stop(rule):
    whole = curve(logistic)
    stop = first_met(rule, whole)
    for end in range(1, len(whole)):
        assert first_met(rule, whole[:end]) == (stop if whole[end - 1].step >= stop.step else None)
