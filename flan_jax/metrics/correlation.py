"""Correlations of predicted with expected numbers: GLUE's metrics for STS-B.

The correlation with a constant is undefined and counts as 0 here: a constant answer has no information about the
examples, and a single example has none about the model.
"""

import math
from collections.abc import Sequence

import numpy as np

from flan_jax.metrics.judgement import Judgement, Scores
from flan_jax.metrics.metric import Metric, Sums, ratio

_ROUNDING = 1e-12
"""Variances below this share of the mean square are rounding errors, and count as 0."""


def pearson_spearman(judgements: Sequence[Judgement]) -> Scores:
    """Pearson's and Spearman's correlation times 100; texts that are no finite number count as -1, as in t5."""
    import scipy.stats

    expected, predicted = _numbers(judgements)
    if len(set(expected)) < 2 or len(set(predicted)) < 2:
        return {'pearson_corrcoef': 0.0, 'spearman_corrcoef': 0.0}
    return {
        'pearson_corrcoef': 100 * float(scipy.stats.pearsonr(expected, predicted).statistic),
        'spearman_corrcoef': 100 * float(scipy.stats.spearmanr(expected, predicted).statistic),
    }


def _numbers(judgements: Sequence[Judgement]) -> tuple[list[float], list[float]]:
    """The expected and the predicted numbers."""
    from t5.data.postprocessors import string_to_float

    def number(text: str) -> float:
        value = string_to_float(text)
        return value if math.isfinite(value) else -1.0

    return [number(j.references[0]) for j in judgements], [number(j.prediction) for j in judgements]


def _moments(judgements: Sequence[Judgement]) -> np.ndarray:
    """1, x, y, xx, yy and xy of the numbers, centred and scaled for accuracy; the correlation is invariant to both."""
    x, y = (_scaled(np.array(numbers)) for numbers in _numbers(judgements))
    return np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)


def _scaled(numbers: np.ndarray) -> np.ndarray:
    if (numbers == numbers[0]).all():
        return np.zeros_like(numbers)
    centred = numbers - numbers.mean()
    return centred / np.abs(centred).max()


def _pearson(sums: np.ndarray) -> np.ndarray:
    _, x, y, xx, yy, xy = np.moveaxis(sums / sums[..., :1], -1, 0)
    variances = [
        np.where(square - mean**2 > _ROUNDING * square, square - mean**2, 0) for mean, square in ((x, xx), (y, yy))
    ]
    return 100 * ratio(xy - x * y, np.sqrt(variances[0] * variances[1]))


METRICS = {'pearson_spearman': Metric(pearson_spearman, 'pearson_corrcoef', sums=Sums(_moments, _pearson))}
