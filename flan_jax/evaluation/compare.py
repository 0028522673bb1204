"""Compares two models by their records.

Both models answered the same examples, so tests are paired: McNemar's test for accuracies, and the paired bootstrap
(Koehn 2004) for all other scores and for grouped examples.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from etils import epath

from flan_jax import catalogue
from flan_jax.errors import UnknownName, UserError
from flan_jax.evaluation import records
from flan_jax.evaluation.judges.exact import Exact
from flan_jax.evaluation.option_scores import SCORES
from flan_jax.evaluation.records import SETTINGS_FILE, Record, RecordKey
from flan_jax.metrics import significance
from flan_jax.metrics.judgement import Judgement

EXAMPLES_SHOWN = 4

Pair = tuple[Sequence[Record], Sequence[Record]]
"""The records of both models in one template."""


class ComparisonError(UserError):
    """Two models have no answers to the same examples."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The comparison of two models on one dataset, or on one variant of it.

    Attributes:
      name: dataset, variant and number of exemplars.
      metric: the headline score.
      num_examples: number of examples that both models answered.
      templates: number of templates that both models have.
      score_a: mean over templates of the first model.
      score_b: mean over templates of the second model.
      interval: 95 % confidence interval of `score_b - score_a`, by paired bootstrap.
      only_a: for McNemar's test, examples that the first model gets right in more templates than the second.
      only_b: examples that the second model gets right in more templates.
      p: two-sided p-value.
      test: name of the test.
      examples: some examples on which the models differ.
    """

    name: str
    metric: str
    num_examples: int
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
    """The comparisons of all data and templates that two models have in common.

    If both answered a dataset with several settings, such as limits, the newest are used, as in reports of runs.

    Args:
      folder_a: folder of a model's records, or of its records of one dataset.
      folder_b: another.
      score: how options are ranked.
      split: 'validation' or 'test'.

    Raises:
      UnknownName: for a score that is not in `option_scores.SCORES`.
      ComparisonError: if there is nothing in common, the choice is ambiguous, or the examples of records differ.
    """
    if score not in SCORES:
        raise UnknownName('score', score, SCORES)
    groups: dict[str, list[Pair]] = {}
    for a, b in sorted(paired_folders(folder_a, folder_b), key=lambda pair: max(map(records.last_written, pair))):
        groups |= _pairs(a, b, split)
    if not groups:
        raise ComparisonError(f'{folder_a} and {folder_b} have no {split} records of the same dataset and template')
    return [_compare(name, pairs, score) for name, pairs in sorted(groups.items())]


def _pairs(a: epath.Path, b: epath.Path, split: str) -> dict[str, list[Pair]]:
    """The records of a split in two folders of a dataset, by name, a pair for each template."""
    found: dict[str, list[Pair]] = collections.defaultdict(list)
    for key in sorted(set(records.sound(a)) & set(records.sound(b)), key=dataclasses.astuple):
        if key.split == split:
            found[_name(key)].append((records.read(a, key), records.read(b, key)))
    return dict(found)


def paired_folders(folder_a: epath.Path, folder_b: epath.Path) -> list[tuple[epath.Path, epath.Path]]:
    """Pairs of folders of datasets with the same examples for both models.

    Raises:
      ComparisonError: if a model has several answers to the same examples, such as in two prompt formats.
    """
    of_a, of_b = _by_examples(folder_a), _by_examples(folder_b)
    return [(of_a[examples], of_b[examples]) for examples in of_a if examples in of_b]


def _by_examples(folder: epath.Path) -> dict[str, epath.Path]:
    """The folders of datasets in a model's folder, or that folder itself, by the fingerprint of their examples."""
    folders = [folder] if (folder / SETTINGS_FILE).exists() else records.folders_in(folder)
    found: dict[str, epath.Path] = {}
    for path in folders:
        settings = records.settings_of(path)
        if 'examples' not in settings:
            raise ComparisonError(f'{path}: contains no evaluation records; give the folder of a run or of its records')
        examples = records.fingerprint(settings['examples'])
        if examples in found:
            raise ComparisonError(
                f'{found[examples]} and {path} have records of the same examples, but with other weights or '
                f'another prompt format (see {SETTINGS_FILE} in each); give one of the two folders'
            )
        found[examples] = path
    return found


def _name(key: RecordKey) -> str:
    """Dataset, variant and number of exemplars, if any."""
    return ' '.join(filter(None, (key.dataset, key.variant, f'{key.shots}-shot' if key.shots else '')))


def _compare(name: str, pairs: Sequence[Pair], score: str) -> Comparison:
    for a, b in pairs:
        _check_same_examples(name, a, b)
    judge = Exact(catalogue.dataset(pairs[0][0][0]['dataset']), score)
    judged_a, judged_b = ([judge.judgements(pair[i]) for pair in pairs] for i in (0, 1))
    score_a, score_b = (np.mean([judge.scores(pair[i])[judge.headline] for pair in pairs]) for i in (0, 1))
    interval, p = significance.paired_bootstrap(judge.metric, judged_a, judged_b)
    only_a, only_b, test = None, None, 'paired bootstrap'
    if judge.headline == 'accuracy' and not any(judgement.group for judgement in judged_a[0]):
        only_a, only_b = significance.wins(judged_a, judged_b)
        p, test = significance.mcnemar(only_a, only_b), 'McNemar'
    return Comparison(
        name=name,
        metric=judge.headline,
        num_examples=len(judged_a[0]),
        templates=len(pairs),
        score_a=float(score_a),
        score_b=float(score_b),
        interval=interval,
        only_a=only_a,
        only_b=only_b,
        p=p,
        test=test,
        examples=_examples(pairs, judged_a, judged_b),
    )


def _examples(
    pairs: Sequence[Pair], judged_a: Sequence[Sequence[Judgement]], judged_b: Sequence[Sequence[Judgement]]
) -> tuple[dict[str, Any], ...]:
    """Some examples that exactly one model answers correctly, those of B first."""
    found = []
    for (records_a, _), answers_a, answers_b in zip(pairs, judged_a, judged_b):
        for record, a, b in zip(records_a, answers_a, answers_b):
            if a.is_right != b.is_right:
                shown = {name: record[name] for name in ('template', 'example', 'prompt', 'references')}
                found.append(shown | {'a': a.prediction, 'b': b.prediction, 'right': 'a' if a.is_right else 'b'})
    half = EXAMPLES_SHOWN // 2
    of_b, of_a = ([example for example in found if example['right'] == side] for side in 'ba')
    return tuple((of_b[:half] + of_a)[:EXAMPLES_SHOWN])


def _check_same_examples(name: str, a: Sequence[Mapping], b: Sequence[Mapping]) -> None:
    """Raises ComparisonError if examples differ, as after the change of a declaration between evaluations."""
    examples_a, examples_b = ([(r['example'], tuple(r['references'])) for r in found] for found in (a, b))
    if examples_a != examples_b:
        raise ComparisonError(
            f'{name}: the records are for different examples ({len(a)} and {len(b)}); evaluate one of the models again'
        )
