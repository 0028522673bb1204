"""Headline scores made of sums are the metrics themselves, and resampling spreads them as it should."""

import numpy as np
import pytest

from flan_jax.metrics import bootstrap
from flan_jax.metrics.metrics import METRICS, Judgement, judge

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
def test_a_resample_is_the_metric_of_the_drawn_examples(metric):
    judgements = random_judgements(metric, seed=1)
    weights = np.random.default_rng(2).multinomial(40, np.full(40, 1 / 40))
    drawn = [judgement for judgement, times in zip(judgements, weights) for _ in range(times)]
    (ours,) = bootstrap.resampled_means(metric, [judgements], weights[None].astype(float))
    assert ours == pytest.approx(judge([metric], drawn)[METRICS[metric].headline], rel=1e-6)


def test_the_interval_of_an_accuracy_is_about_the_normal_one():
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
