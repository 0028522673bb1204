"""Headline scores made of sums are the metrics themselves, and intervals hold the truth as often as they say."""

import dataclasses

import numpy as np
import pytest

from flan_jax.metrics import bootstrap
from flan_jax.metrics.judgement import Judgement
from flan_jax.metrics.metrics import METRICS, judge

WORDS = ['the', 'cat', 'sat', 'on', 'a', 'mat', 'and', 'saw', '3', '4.5']


def random_judgements(metric, count=40, seed=0):
    random = np.random.default_rng(seed)
    pick = random.choice
    if METRICS[metric].headline == 'accuracy' or metric == 'multirc':
        choices = ('no', 'yes')
        return [Judgement(pick(choices), (pick(choices),), choices, group=str(i // 3)) for i in range(count)]
    if metric == 'pearson_spearman':
        return [Judgement(f'{pick([1, 2.5, 4]):.1f}', (f'{pick([1, 2, 5]):.1f}',)) for _ in range(count)]

    def text():
        return ' '.join(pick(WORDS, random.integers(5, 12)))

    return [Judgement(text(), (text(), text())) for _ in range(count)]


@pytest.mark.parametrize('metric', METRICS)
def test_sums_give_the_metric(metric):
    judgements = random_judgements(metric)
    ones = np.ones((1, len(judgements)))
    (ours,) = bootstrap.resampled_means(metric, [judgements], ones)
    assert ours == pytest.approx(judge([metric], judgements)[METRICS[metric].headline], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize('metric', ['multirc', 'bleu', 'pearson_spearman', 'squad'])
def test_a_resample_is_the_metric_of_the_sampled_examples(metric):
    judgements = random_judgements(metric, seed=1)
    weights = np.random.default_rng(2).multinomial(40, np.full(40, 1 / 40))
    sampled = [judgement for judgement, times in zip(judgements, weights) for _ in range(times)]
    (ours,) = bootstrap.resampled_means(metric, [judgements], weights[None].astype(float))
    assert ours == pytest.approx(judge([metric], sampled)[METRICS[metric].headline], rel=1e-6)


def test_the_interval_of_an_accuracy_is_near_the_normal_one():
    rights = np.random.default_rng(0).random(400) < 0.7
    judgements = [Judgement('yes' if right else 'no', ('yes',), ('yes', 'no')) for right in rights]
    low, high = bootstrap.interval('accuracy', [judgements])
    error = 100 * np.sqrt(rights.mean() * (1 - rights.mean()) / 400)
    assert (low, high) == pytest.approx(
        (100 * rights.mean() - 1.96 * error, 100 * rights.mean() + 1.96 * error), abs=0.6
    )
    assert bootstrap.interval('accuracy', [judgements]) == (low, high), 'the seed decides'


def test_templates_that_err_on_the_same_examples_do_not_narrow_the_interval():
    alike = random_judgements('accuracy', 100)
    one = bootstrap.interval('accuracy', [alike])
    assert bootstrap.interval('accuracy', [alike] * 10) == pytest.approx(one)


def test_templates_on_unequal_examples_are_refused():
    judgements = random_judgements('accuracy')
    with pytest.raises(ValueError, match='cannot be paired'):
        bootstrap.interval('accuracy', [judgements, judgements[:-1]])


def answers(correlation, questions, random):
    """Answers to questions, five each, right in 7 of 10; two of one question are right together as correlated."""
    shared = random.random((questions, 1)) < np.sqrt(correlation)
    right = np.where(shared, random.random((questions, 1)) < 0.7, random.random((questions, 5)) < 0.7)
    expected = random.random((questions, 5)) < 0.5
    options = ('no', 'yes')
    return [
        Judgement(options[int(e == r)], (options[int(e)],), options, group=f'question {question}')
        for question in range(questions)
        for e, r in zip(expected[question], right[question])
    ]


def coverage(grouped, trials=300):
    """How often the interval of MultiRC's F1 holds its true value, 70."""
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(trials):
        judgements = answers(1 / 3, 60, random)
        if not grouped:
            judgements = [dataclasses.replace(judgement, group='') for judgement in judgements]
        low, high = bootstrap.interval('multirc', [judgements])
        hits += low <= 70 <= high
    return hits / trials


def test_an_interval_of_grouped_examples_holds_the_truth_as_often_as_it_says():
    assert 0.92 <= coverage(grouped=True) <= 0.98
    assert coverage(grouped=False) < 0.88, 'the simulation must be one in which groups matter'


def test_the_answers_of_a_group_are_sampled_together():
    judgements = answers(1 / 3, 4, np.random.default_rng(0))
    weights_SxGxM = bootstrap.weights(judgements).reshape(-1, 4, 5)
    assert (weights_SxGxM == weights_SxGxM[:, :, :1]).all() and (weights_SxGxM[:, :, 0].sum(axis=1) == 4).all()


@pytest.mark.parametrize('metric', METRICS)
@pytest.mark.parametrize('count', [1, 2, 3])
def test_few_examples_have_a_finite_score_and_interval(metric, count):
    judgements = random_judgements(metric, count)
    score = judge([metric], judgements)[METRICS[metric].headline]
    assert np.isfinite([score, *bootstrap.interval(metric, [judgements])]).all()


def test_resamples_of_one_number_have_no_correlation_and_no_nan():
    """Of three examples with two equal answers, many resamples hold one answer only."""
    judgements = [Judgement('3.8', ('1.1',)), Judgement('3.8', ('1.3',)), Judgement('0.7', ('4.9',))]
    weights = bootstrap.weights(judgements)
    means = bootstrap.resampled_means('pearson_spearman', [judgements], weights)
    constant = (weights[:, 2] == 0) | (weights[:, :2].sum(axis=1) == 0)
    assert constant.any() and (means[constant] == 0).all()
    assert (np.abs(means) <= 100 + 1e-9).all() and (means[~constant] < -90).all()


def test_a_constant_answer_has_the_interval_zero():
    judgements = [Judgement('3.8', (f'{0.3 * i:.1f}',)) for i in range(17)]
    assert bootstrap.interval('pearson_spearman', [judgements]) == (0.0, 0.0)
