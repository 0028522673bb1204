"""Whether two models differ on the same examples: McNemar's exact test, and the paired bootstrap."""

from collections.abc import Sequence

import numpy as np

from flan_jax.metrics import bootstrap
from flan_jax.metrics.judgement import Judgement

Templates = Sequence[Sequence[Judgement]]
"""The judgements of each template, on the same examples in the same order."""


def mcnemar(only_a: int, only_b: int) -> float:
    """The two-sided p-value of McNemar's exact test (McNemar 1947).

    Under the null hypothesis each model wins a discordant example with probability 1/2.

    Args:
      only_a: number of examples that only model a gets right.
      only_b: number of examples that only model b gets right.
    """
    import scipy.stats

    return float(scipy.stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def wins(a: Templates, b: Templates) -> tuple[int, int]:
    """How many examples each model gets right in more templates than the other.

    Examples are independent, but pairs of example and template are not, since templates share examples. With a single
    template these are McNemar's two counts.
    """
    right_a, right_b = _times_right(a), _times_right(b)
    return int((right_a > right_b).sum()), int((right_b > right_a).sum())


def paired_bootstrap(metric: str, a: Templates, b: Templates, seed: int = 0) -> tuple[tuple[float, float], float]:
    """The 95 % interval of the difference b - a in the mean over templates, and its two-sided p-value (Koehn 2004).

    Both models are scored on the same resamples of the examples.
    """
    weights = bootstrap.weights(a[0], seed)
    differences = bootstrap.resampled_means(metric, b, weights) - bootstrap.resampled_means(metric, a, weights)
    # One is added to both counts, so that no p-value is 0 (Davison & Hinkley 1997, 4.2.3).
    count = len(differences) + 1
    p = 2 * min((differences <= 0).sum() + 1, (differences >= 0).sum() + 1) / count
    return bootstrap.percentiles(differences), min(1.0, float(p))


def _times_right(templates: Templates) -> np.ndarray:
    """In how many templates each example is answered right, [E]."""
    return np.sum([[judgement.is_right for judgement in judgements] for judgements in templates], axis=0)
