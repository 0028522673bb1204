"""From records to results: scores per template, their mean and std, and the best template on validation.

As in FLAN, section 3: the mean over templates, and the test score of the template that is best on dev. Results cover
exactly the keys of an eval set; records of other templates, data or weights are ignored.
"""

import collections
import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.evaluation import records
from flan_jax.evaluation.judges.exact import Exact
from flan_jax.evaluation.judges.judge import Judge
from flan_jax.evaluation.option_scores import SCORES
from flan_jax.evaluation.records import FolderOf, Record, RecordKey
from flan_jax.metrics.judgement import Scores

_SHARES = ('accuracy', 'em', 'exact_match', 'final_answer', 'marked_answer')
"""Headline scores that are shares of correct answers."""


@dataclasses.dataclass(frozen=True)
class TemplateResult:
    """Scores of one template on the evaluated splits."""

    template: int
    test: Scores
    validation: Scores


@dataclasses.dataclass(frozen=True)
class Result:
    """A model's result on a dataset, or on one variant of it, such as a direction of translation.

    Attributes:
      dataset: the dataset's name.
      variant: the variant's label; empty if there is none.
      headline: name of the score in `mean`, `std` and `best_dev`.
      num_examples: number of test examples.
      templates: scores by template.
      mean: headline test score, mean over templates.
      std: its population standard deviation over templates.
      interval: 95 % confidence interval of `mean`, by resampling test examples.
      best_dev: headline test score of the template that is best on validation; None without validation.
      best_dev_template: index of that template.
      by_score: the mean under each way to rank options; empty without options.
      shots: number of exemplars, as set.
      exemplars: number of exemplars that fitted the prompts, mean over examples and templates.
    """

    dataset: str
    variant: str
    headline: str
    num_examples: int
    templates: tuple[TemplateResult, ...]
    mean: float
    std: float
    interval: tuple[float, float]
    by_score: dict[str, float]
    best_dev: float | None
    best_dev_template: int | None
    shots: int = 0
    exemplars: float = 0.0

    @property
    def name(self) -> str:
        """Dataset and variant."""
        return f'{self.dataset} {self.variant}'.strip()


@dataclasses.dataclass(frozen=True)
class Baselines:
    """Accuracy, in per cent, of a random option and of always choosing the most common answer; None if undefined."""

    chance: float | None
    majority: float | None


def results(keys: Sequence[RecordKey], folder_of: FolderOf, score: str) -> list[Result]:
    """The results with complete records, in the catalogue's order, zero-shot before few-shot.

    Args:
      keys: what is evaluated.
      folder_of: the folder of a key's records.
      score: how options are ranked; see `option_scores.SCORES`.

    Raises:
      RecordsError: if records of the keys are damaged; names file and line.
    """
    order = {name: index for index, name in enumerate(catalogue.DATASETS)}
    groups = sorted(_groups(keys).items(), key=lambda item: (order[item[0][0]], *item[0]))
    recorded = records.require_sound(keys, folder_of)
    found = []
    for _, members in groups:
        done = [key for key in members if key in recorded]
        if _all_of('test', members, done):
            splits = [split for split in ('test', 'validation') if _all_of(split, members, done)]
            by_split = {split: _read(members, split, folder_of) for split in splits}
            found.append(_result(members[0], by_split, score))
    return found


def unfinished(keys: Sequence[RecordKey], found: Sequence[Result]) -> list[str]:
    """Names of the datasets and variants without a result, because records of test examples are missing."""
    done = {(result.dataset, result.variant, result.shots) for result in found}
    return sorted({' '.join(filter(None, name[:2])) for name in _groups(keys) if name not in done})


def baselines(found: Sequence[Record], headline: str) -> Baselines:
    """Chance and majority accuracy of records whose answers are chosen from options.

    None for other records, and for a headline that is not a share of correct answers, such as F1 or a correlation,
    which cannot be compared with an accuracy.
    """
    if 'options' not in found[0] or headline not in _SHARES:
        return Baselines(None, None)
    chance = statistics.mean(len(set(r['references'])) / len({o['text'] for o in r['options']}) for r in found)
    if len({tuple(o['text'] for o in r['options']) for r in found}) > 1:
        return Baselines(100 * chance, None)
    most_common = collections.Counter(r['references'][0] for r in found).most_common(1)[0][1]
    return Baselines(100 * chance, 100 * most_common / len(found))


def best_template(validation: Mapping[int, float], judge: Judge) -> int | None:
    """The template with the best validation score, the first of equals; None if no score is finite."""
    finite = sorted(template for template, score in validation.items() if math.isfinite(score))
    sign = -1 if judge.smaller_is_better else 1
    return max(finite, key=lambda template: sign * validation[template], default=None)


def _groups(keys: Sequence[RecordKey]) -> dict[tuple[str, str, int], list[RecordKey]]:
    """Keys grouped by what is reported together."""
    groups: dict[tuple[str, str, int], list[RecordKey]] = {}
    for key in keys:
        groups.setdefault(key.without_template, []).append(key)
    return groups


def _all_of(split: str, members: Sequence[RecordKey], done: Sequence[RecordKey]) -> bool:
    wanted = {key for key in members if key.split == split}
    return bool(wanted) and wanted <= set(done)


def _read(members: Sequence[RecordKey], split: str, folder_of: FolderOf) -> dict[int, Sequence[Record]]:
    keys = sorted((key for key in members if key.split == split), key=lambda key: key.template)
    return {key.template: records.read(folder_of(key), key) for key in keys}


def _result(key: RecordKey, by_split: Mapping[str, Mapping[int, Sequence[Record]]], score: str) -> Result:
    dataset = catalogue.dataset(key.dataset)
    judge = Exact(dataset, score)
    judged = {
        split: {t: judge.scores(found) for t, found in by_template.items()} for split, by_template in by_split.items()
    }
    test, validation = judged['test'], judged.get('validation', {})
    means = [test[template][judge.headline] for template in test]
    best = best_template({t: validation[t][judge.headline] for t in validation}, judge)
    return Result(
        dataset=key.dataset,
        variant=key.variant,
        headline=judge.headline,
        num_examples=len(next(iter(by_split['test'].values()))),
        templates=tuple(TemplateResult(t, test[t], validation.get(t, {})) for t in test),
        mean=statistics.mean(means),
        std=statistics.pstdev(means),
        interval=judge.interval(list(by_split['test'].values())),
        by_score=_by_score(dataset, by_split['test']),
        best_dev=None if best is None else test[best][judge.headline],
        best_dev_template=best,
        shots=key.shots,
        exemplars=statistics.mean(r['exemplars'] for found in by_split['test'].values() for r in found),
    )


def _by_score(dataset: Dataset, by_template: Mapping[int, Sequence[Record]]) -> dict[str, float]:
    """The mean over templates of the headline score under each way to rank options."""
    if not dataset.has_options:
        return {}
    judges = {score: Exact(dataset, score) for score in SCORES}
    return {
        score: statistics.mean(judge.scores(found)[judge.headline] for found in by_template.values())
        for score, judge in judges.items()
    }
