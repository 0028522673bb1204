"""From records to results: scores per template, their mean and std, and the best template on validation.

Everything here is made from records alone (FLAN, section 3: average template, and test score of the best dev template).
"""

import collections
import dataclasses
import statistics
from collections.abc import Collection, Mapping, Sequence

from etils import epath

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.forms import Instructions, in_form
from flan_jax.evaluation import records
from flan_jax.metrics import bootstrap
from flan_jax.metrics.metrics import METRICS, Judgement, Scores, judge


@dataclasses.dataclass(frozen=True)
class TemplateResult:
    """Scores of one template on the splits that were asked."""

    template: int
    test: Scores
    validation: Scores


@dataclasses.dataclass(frozen=True)
class Result:
    """A model's result on a dataset, or on one variant of it such as a direction of translation.

    Attributes:
      dataset: the dataset's name.
      variant: the variant's label; empty where there is none.
      headline: name of the score that `mean`, `std` and `best_dev` speak of.
      rows: number of test rows.
      templates: scores by template.
      mean: headline test score, mean over templates.
      std: its standard deviation over templates (of the population, as they are all there are).
      interval: the 95 % confidence interval of `mean`, by resampling test rows.
      best_dev: headline test score of the template that is best on validation; None where validation was not asked.
      best_dev_template: that template's index.
      by_score: where there are options, the mean under each way to rank them.
      shots: how many exemplars were asked for.
      exemplars: how many fitted the prompts, mean over rows and templates.
    """

    dataset: str
    variant: str
    headline: str
    rows: int
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
    """What needs no model: a random option, and always the commonest answer; accuracy in per cent."""

    chance: float | None
    majority: float | None


def results(
    folder: epath.Path, score: str, only: Collection[str] | None = None, instructions: Instructions = 'templates'
) -> list[Result]:
    """All results of the records in a model's folder, in the catalogue's order, zero-shot before few-shot.

    Args:
      folder: where the records are.
      score: how options are ranked; see `records.SCORES`.
      only: names of datasets; None for all.
      instructions: how the inputs were worded, which the index of a template refers to.
    """
    groups: dict[tuple[str, str, int], dict[str, dict[int, list]]] = {}
    for key in records.written(folder):
        if only is not None and key.dataset not in only:
            continue
        dataset = in_form(catalogue.dataset(key.dataset), instructions)
        variant = dataset.templates[key.template].variant
        by_split = groups.setdefault((key.dataset, variant, key.shots), collections.defaultdict(dict))
        by_split[key.split][key.template] = records.read(folder, key)
    order = {name: index for index, name in enumerate(catalogue.DATASETS)}
    return [
        _result(catalogue.dataset(name), variant, shots, by_split, score)
        for (name, variant, shots), by_split in sorted(groups.items(), key=lambda item: (order[item[0][0]], *item[0]))
        if by_split['test']
    ]


def baselines(found: Sequence[Mapping]) -> Baselines:
    """Chance and majority accuracy of records whose answers are chosen from options; None for other records."""
    if 'options' not in found[0]:
        return Baselines(None, None)
    chance = statistics.mean(len(set(r['references'])) / len({o['text'] for o in r['options']}) for r in found)
    if len({tuple(o['text'] for o in r['options']) for r in found}) > 1:
        return Baselines(100 * chance, None)
    commonest = collections.Counter(r['references'][0] for r in found).most_common(1)[0][1]
    return Baselines(100 * chance, 100 * commonest / len(found))


def dataset_baselines(folder: epath.Path, result: Result) -> Baselines:
    """The baselines of a result's test rows."""
    key = records.RecordKey(result.dataset, result.templates[0].template, 'test', result.shots)
    return baselines(records.read(folder, key))


def _result(
    dataset: Dataset, variant: str, shots: int, by_split: Mapping[str, Mapping[int, list]], score: str
) -> Result:
    judgements = {
        split: {template: _judgements(found, score) for template, found in sorted(by_template.items())}
        for split, by_template in by_split.items()
    }
    judged = {
        split: {template: judge(dataset.metrics, found) for template, found in by_template.items()}
        for split, by_template in judgements.items()
    }
    headline = METRICS[dataset.metrics[0]].headline
    test, validation = judged['test'], judged.get('validation', {})
    scores = [test[template][headline] for template in test]
    best = best_template({t: validation[t][headline] for t in validation if t in test}, dataset)
    return Result(
        dataset=dataset.name,
        variant=variant,
        headline=headline,
        rows=len(next(iter(by_split['test'].values()))),
        templates=tuple(TemplateResult(t, test[t], validation.get(t, {})) for t in sorted(test)),
        mean=statistics.mean(scores),
        std=statistics.pstdev(scores),
        by_score=_by_score(dataset, by_split['test']),
        interval=bootstrap.interval(dataset.metrics[0], list(judgements['test'].values())),
        best_dev=None if best is None else test[best][headline],
        best_dev_template=best,
        shots=shots,
        exemplars=statistics.mean(r['exemplars'] for found in by_split['test'].values() for r in found),
    )


def _by_score(dataset: Dataset, by_template: Mapping[int, list]) -> dict[str, float]:
    """The mean over templates of the headline score under each way to rank options that is on record."""
    if not dataset.has_options:
        return {}
    metric, headline = dataset.metrics[0], METRICS[dataset.metrics[0]].headline
    return {
        score: statistics.mean(judge([metric], _judgements(found, score))[headline] for found in by_template.values())
        for score in records.SCORES
    }


def _judgements(found: Sequence[Mapping], score: str) -> list[Judgement]:
    return [records.judgement(record, score) for record in found]


def best_template(validation: Mapping[int, float], dataset: Dataset) -> int | None:
    """The template with the best validation score, the first of equals; None without validation scores."""
    if not validation:
        return None
    sign = -1 if METRICS[dataset.metrics[0]].smaller_is_better else 1
    return max(sorted(validation), key=lambda template: sign * validation[template])
