"""Where two models differ, from their records alone.

Both models answered the same examples, so they are compared example by example. Two tests, both exact about that:
McNemar's for answers chosen from options, and the paired bootstrap (Koehn 2004) for every metric.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from flan_jax import catalogue
from flan_jax.errors import UserError
from flan_jax.evaluation import records
from flan_jax.metrics import bootstrap
from flan_jax.metrics.metrics import METRICS, Judgement, judge

EXAMPLES_SHOWN = 4


class ComparisonError(UserError):
    """Two sets of records have nothing in common, or were made of different rows."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two models on one dataset, or on one variant of it.

    Attributes:
      name: dataset, variant and number of exemplars.
      metric: the headline score compared.
      rows: examples that both answered.
      templates: templates that both were asked in.
      score_a: the first model's mean over templates.
      score_b: the second's.
      interval: the 95 % confidence interval of `score_b - score_a`, by paired bootstrap.
      only_a: for rank classification, examples that the first gets right in more templates than the second.
      only_b: examples that the second gets right in more templates.
      p: two-sided; McNemar's exact test where there are options, else the paired bootstrap's.
      test: its name.
      examples: some where the models differ.
    """

    name: str
    metric: str
    rows: int
    templates: int
    score_a: float
    score_b: float
    interval: tuple[float, float]
    only_a: int | None
    only_b: int | None
    p: float
    test: str
    examples: tuple[dict[str, Any], ...]


def compare(folder_a: epath.Path, folder_b: epath.Path, score: str = 'sum', split: str = 'test') -> list[Comparison]:
    """The comparisons of everything that both folders hold records of.

    Raises:
      ComparisonError: if that is nothing, or if the rows behind the records differ.
    """
    keys_a, keys_b = (set(records.written(folder)) for folder in (folder_a, folder_b))
    groups = collections.defaultdict(list)
    for key in sorted(keys_a & keys_b, key=dataclasses.astuple):
        if key.split == split:
            groups[_group(key)].append(key)
    if not groups:
        raise ComparisonError(f'{folder_a} and {folder_b} have no {split} records of the same dataset and template')
    return [
        _compare(name, [(records.read(folder_a, key), records.read(folder_b, key)) for key in keys], score)
        for name, keys in groups.items()
    ]


def mcnemar(only_a: int, only_b: int) -> float:
    """The two-sided p-value of McNemar's exact test: of n differing examples each side wins half (McNemar 1947)."""
    import scipy.stats

    return float(scipy.stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def paired_bootstrap(
    metric: str, a: Sequence[Sequence[Judgement]], b: Sequence[Sequence[Judgement]], seed: int = 0
) -> tuple[tuple[float, float], float]:
    """The 95 % interval of the difference b - a in the mean over templates, and its two-sided p-value (Koehn 2004).

    Both models are scored on the same resamples of the examples.
    """
    weights = bootstrap.weights(len(a[0]), seed)
    differences = bootstrap.resampled_means(metric, b, weights) - bootstrap.resampled_means(metric, a, weights)
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return (float('nan'), float('nan')), float('nan')
    tail = 50 * (1 - bootstrap.LEVEL)
    low, high = np.percentile(differences, [tail, 100 - tail])
    # One more resample on each side than was drawn, so that no p-value is 0 (Davison & Hinkley 1997, 4.2.3).
    count = len(differences) + 1
    p = 2 * min((differences <= 0).sum() + 1, (differences >= 0).sum() + 1) / count
    return (float(low), float(high)), min(1.0, float(p))


def _group(key: records.RecordKey) -> str:
    """Dataset, variant and, where there are any, the number of exemplars."""
    variant = catalogue.dataset(key.dataset).templates[key.template].variant
    return ' '.join(filter(None, (key.dataset, variant, f'{key.shots}-shot' if key.shots else '')))


def _compare(name: str, pairs: Sequence[tuple[list, list]], score: str) -> Comparison:
    for a, b in pairs:
        _check_same_rows(name, a, b)
    judged_a, judged_b = ([[records.judgement(r, score) for r in pair[i]] for pair in pairs] for i in (0, 1))
    dataset = catalogue.dataset(pairs[0][0][0]['dataset'])
    metric, headline = dataset.metrics[0], METRICS[dataset.metrics[0]].headline
    interval, p = paired_bootstrap(metric, judged_a, judged_b)
    only_a, only_b, test = None, None, 'paired bootstrap'
    if dataset.has_options:
        only_a, only_b = _wins(judged_a, judged_b)
        p, test = mcnemar(only_a, only_b), 'McNemar'
    return Comparison(
        name=name,
        metric=headline,
        rows=len(judged_a[0]),
        templates=len(pairs),
        score_a=float(np.mean([judge([metric], judgements)[headline] for judgements in judged_a])),
        score_b=float(np.mean([judge([metric], judgements)[headline] for judgements in judged_b])),
        interval=interval,
        only_a=only_a,
        only_b=only_b,
        p=p,
        test=test,
        examples=_examples(pairs, judged_a, judged_b),
    )


def _wins(judged_a: Sequence[Sequence[Judgement]], judged_b: Sequence[Sequence[Judgement]]) -> tuple[int, int]:
    """Examples that one model gets right in more templates than the other.

    Templates ask about the same examples, so example and template together are no independent pairs; examples are.
    With one template these are McNemar's two counts.
    """
    right_a, right_b = _times_right(judged_a), _times_right(judged_b)
    return int((right_a > right_b).sum()), int((right_b > right_a).sum())


def _times_right(judged: Sequence[Sequence[Judgement]]) -> np.ndarray:
    """In how many templates each example is answered right, [E]."""
    return np.sum([[_right(judgement) for judgement in template] for template in judged], axis=0)


def _right(judgement: Judgement) -> bool:
    return judgement.prediction in judgement.references


def _examples(pairs, judged_a, judged_b) -> tuple[dict[str, Any], ...]:
    """Some rows where the answers differ and exactly one is right, first those where only B is."""
    found = []
    for (rows, _), answers_a, answers_b in zip(pairs, judged_a, judged_b):
        for row, a, b in zip(rows, answers_a, answers_b):
            if _right(a) != _right(b):
                shown = {name: row[name] for name in ('template', 'example', 'prompt', 'references')}
                found.append(shown | {'a': a.prediction, 'b': b.prediction, 'right': 'a' if _right(a) else 'b'})
    half = EXAMPLES_SHOWN // 2
    of_b, of_a = ([e for e in found if e['right'] == side] for side in 'ba')
    return tuple((of_b[:half] + of_a)[:EXAMPLES_SHOWN])


def _check_same_rows(name: str, a: Sequence[Mapping], b: Sequence[Mapping]) -> None:
    rows_a, rows_b = ([(r['example'], tuple(r['references'])) for r in rows] for rows in (a, b))
    if rows_a != rows_b:
        raise ComparisonError(
            f'{name}: the records are of different rows ({len(a)} and {len(b)}); '
            'evaluate both with the same data and EVAL_LIMIT'
        )
