"""Confidence intervals by the bootstrap (Efron & Tibshirani 1993, chapter 13), for all metrics.

A headline score is a function of sums over examples: accuracy of hits and counts, F1 of true and false positives, BLEU
of n-gram matches. A resample is thus a weighting of the examples, and thousands of resamples are one matrix product.
All templates of a dataset have the same examples, so each example has the same weight in all templates. Examples of a
group (the answers of a MultiRC question) are not independent, so whole groups are sampled (Davison & Hinkley 1997,
section 3.8).
"""

import functools
from collections.abc import Sequence

import numpy as np

from flan_jax.metrics.judgement import Judgement
from flan_jax.metrics.metrics import METRICS

SAMPLES = 1000
LEVEL = 0.95


def interval(metric: str, templates: Sequence[Sequence[Judgement]], seed: int = 0) -> tuple[float, float]:
    """The percentile interval of a headline score's mean over templates.

    Args:
      metric: name of the metric.
      templates: the judgements of each template, on the same examples in the same order.
      seed: seed of the resamples.

    Returns:
      The ends of the central interval with the share `LEVEL` of the resampled means.

    Raises:
      ValueError: if templates have unequal numbers of examples.
    """
    if len({len(judgements) for judgements in templates}) != 1:
        raise ValueError(f'templates with {[len(judgements) for judgements in templates]} examples cannot be paired')
    return percentiles(resampled_means(metric, templates, weights(templates[0], seed)))


def mean_interval(values_E: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """The percentile interval of the mean of one value for each example."""
    values_E = np.asarray(values_E, np.float64)
    return percentiles(times_sampled(len(values_E), seed) @ values_E / len(values_E))


def percentiles(values_S: np.ndarray) -> tuple[float, float]:
    """The ends of the central interval with the share `LEVEL` of the values."""
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(values_S, [tail, 100 - tail])
    return float(low), float(high)


def resampled_means(metric: str, templates: Sequence[Sequence[Judgement]], weights_SxE: np.ndarray) -> np.ndarray:
    """The mean over templates of the headline score in every resample, [S]."""
    sums = METRICS[metric].as_sums
    return np.mean([sums.score(weights_SxE @ sums.terms(judgements)) for judgements in templates], axis=0)


def weights(judgements: Sequence[Judgement], seed: int = 0) -> np.ndarray:
    """How often each example is in each resample, [SAMPLES, E]; equally often for all examples of a group."""
    unit_of_example = units(judgements)
    return times_sampled(int(unit_of_example.max()) + 1, seed)[:, unit_of_example]


def units(judgements: Sequence[Judgement]) -> np.ndarray:
    """The number of each example's independent unit (its group, or the example itself), [E]."""
    names = [judgement.group or index for index, judgement in enumerate(judgements)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names])


@functools.lru_cache(maxsize=2)
def times_sampled(count: int, seed: int = 0) -> np.ndarray:
    """How often each of `count` units is sampled in each resample, [SAMPLES, count]."""
    random = np.random.default_rng(seed)
    return random.multinomial(count, np.full(count, 1 / count), size=SAMPLES).astype(np.float64)
