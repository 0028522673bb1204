"""Confidence intervals by resampling examples (Efron & Tibshirani 1993, chapter 13), for every metric alike.

A headline score is a function of sums over examples: an accuracy of hits and counts, an F1 of true and false positives,
a BLEU of n-gram matches. So a resample is a weighting of the examples, and thousands of them are one matrix product.
All templates of a dataset ask about the same examples; an example is drawn or left out under all of them together.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from flan_jax.metrics.metrics import METRICS, Judgement, accuracy

SAMPLES = 1000
LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Sums:
    """A headline score as a function of sums over examples.

    Attributes:
      terms: the terms of one example.
      score: the score of summed terms, [..., K] to [...].
    """

    terms: Callable[[Judgement], Sequence[float]]
    score: Callable[[np.ndarray], np.ndarray]


def sums_of(metric: str) -> Sums:
    """How a metric's headline is made of sums."""
    if metric in _SUMS:
        return _SUMS[metric]
    compute, headline = METRICS[metric].compute, METRICS[metric].headline
    if headline == 'accuracy':
        compute = accuracy
    return Sums(lambda judgement: (compute([judgement])[headline], 1.0), lambda sums: sums[..., 0] / sums[..., 1])


def interval(metric: str, templates: Sequence[Sequence[Judgement]], seed: int = 0) -> tuple[float, float]:
    """The percentile interval of a headline score's mean over templates.

    Args:
      metric: name of the metric.
      templates: the judgements of each template, on the same examples in the same order.
      seed: of the resamples.

    Returns:
      The ends of the interval that holds `LEVEL` of the resampled means.

    Raises:
      ValueError: if templates were asked about unequal numbers of examples.
    """
    if len({len(judgements) for judgements in templates}) != 1:
        raise ValueError(f'templates with {[len(judgements) for judgements in templates]} examples cannot be paired')
    means = resampled_means(metric, templates, weights(len(templates[0]), seed))
    tail = 50 * (1 - LEVEL)
    low, high = np.nanpercentile(means, [tail, 100 - tail])
    return float(low), float(high)


def resampled_means(metric: str, templates: Sequence[Sequence[Judgement]], weights_SxE: np.ndarray) -> np.ndarray:
    """The mean over templates of the headline score in every resample, [S]."""
    sums = sums_of(metric)
    scores = []
    for judgements in templates:
        terms_ExK = np.array([sums.terms(judgement) for judgement in judgements], np.float64)
        with np.errstate(invalid='ignore', divide='ignore'):  # a resample without any positive has no F1
            scores.append(sums.score(weights_SxE @ terms_ExK))
    return np.mean(scores, axis=0)


@functools.lru_cache(maxsize=2)
def weights(examples: int, seed: int) -> np.ndarray:
    """How often each example is drawn in each resample, [SAMPLES, examples]."""
    random = np.random.default_rng(seed)
    return random.multinomial(examples, np.full(examples, 1 / examples), size=SAMPLES).astype(np.float64)


def _confusion(judgement: Judgement) -> tuple[float, float, float]:
    """True positives, expected and predicted positives, of the second option."""
    expected, predicted = judgement.label_pair()
    # As in t5, a prediction that is no option counts as the wrong one of the two.
    predicted = predicted if predicted >= 0 else 1 - expected
    return expected * predicted, expected, predicted


def _f1(sums: np.ndarray) -> np.ndarray:
    return 200 * sums[..., 0] / (sums[..., 1] + sums[..., 2])


def _moments(judgement: Judgement) -> tuple[float, ...]:
    from t5.data.postprocessors import string_to_float

    x, y = string_to_float(judgement.references[0]), string_to_float(judgement.prediction)
    return 1.0, x, y, x * x, y * y, x * y


def _pearson(sums: np.ndarray) -> np.ndarray:
    mean = sums / sums[..., :1]
    _, x, y, xx, yy, xy = np.moveaxis(mean, -1, 0)
    return 100 * (xy - x * y) / np.sqrt((xx - x * x) * (yy - y * y))


def _edits(judgement: Judgement) -> tuple[float, float]:
    import editdistance

    expected, predicted = judgement.references[0].split(), judgement.prediction.split()
    return editdistance.eval(expected, predicted), len(expected)


def _n_grams(judgement: Judgement) -> list[float]:
    """Matching and possible n-grams for n = 1 to 4, length of the prediction and of the closest reference."""
    import sacrebleu

    alone = sacrebleu.corpus_bleu([judgement.prediction], [[r] for r in judgement.references], tokenize='intl')
    return [*alone.counts, *alone.totals, alone.sys_len, alone.ref_len]


def _bleu(sums: np.ndarray) -> np.ndarray:
    from sacrebleu.metrics import BLEU

    def score(row: np.ndarray) -> float:
        numbers = row.astype(int).tolist()
        return BLEU.compute_bleu(numbers[:4], numbers[4:8], numbers[8], numbers[9], smooth_method='exp').score

    return np.apply_along_axis(score, -1, sums)


_SUMS: Mapping[str, Sums] = {
    'multirc': Sums(_confusion, _f1),
    'pearson_spearman': Sums(_moments, _pearson),
    'edit_distance': Sums(_edits, lambda sums: 100 * sums[..., 0] / sums[..., 1]),
    'bleu': Sums(_n_grams, _bleu),
}
"""Metrics whose headline is no mean over examples."""
