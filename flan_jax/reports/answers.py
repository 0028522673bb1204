"""The answers behind a report's scores: each model's answers, which are right, and where models differ."""

import collections
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.evaluation import records
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.judges.exact import judgement
from flan_jax.evaluation.records import Record, RecordKey
from flan_jax.metrics import significance
from flan_jax.metrics.judgement import Judgement
from flan_jax.metrics.metrics import METRICS
from flan_jax.reports.result_lines import Models, folder_of

MOST_SHOWN = 1000
"""Largest number of answers on a page; an example counts once for each template. The records have all answers."""

LONGEST = 2000
"""Largest number of characters of a prompt on a page."""

BY_DEGREES = frozenset({'rouge', 'bleu', 'edit_distance', 'coqa', 'pearson_spearman'})
"""Headline metrics that grade answers instead of calling them right or wrong."""

MOST_LABELS = 12
"""Largest number of options for a confusion matrix."""

Folders = Mapping[str, Mapping[RecordKey, epath.Path]]
"""For each model the folders of its complete test records."""


@dataclasses.dataclass(frozen=True)
class Answered:
    """The models' answers to one dataset, or one variant of it, at one number of shots.

    Attributes:
      name: dataset and variant.
      dataset: its declaration.
      shots: number of exemplars requested.
      models: the models' names; the others are compared with the first.
      pairs: for each template that all models answered, the records of every model, in that order.
      score: the score by which options are ranked.
    """

    name: str
    dataset: Dataset
    shots: int
    models: tuple[str, ...]
    pairs: Mapping[int, tuple[Sequence[Record], ...]]
    score: str

    @property
    def by_degrees(self) -> bool:
        """Whether the metric grades answers instead of calling them right or wrong."""
        return self.dataset.metrics[0] in BY_DEGREES

    def judgements(self, model: int) -> list[list[Judgement]]:
        """The judgements of one model's answers, by template."""
        return [[judgement(record, self.score) for record in of[model]] for of in self.pairs.values()]

    def is_right(self, judged: Judgement) -> bool:
        """Whether an answer counts as right."""
        if judged.choices:
            return judged.is_right
        metric = METRICS[self.dataset.metrics[0]]
        scores = metric.compute([judged])
        return scores.get('em', scores[metric.headline]) == 100.0


def folders_of(eval_set: EvalSet, models: Models) -> Folders:
    """The folders of the models' complete records of an eval set's test examples."""
    tests = [key for key in eval_set.keys if key.split == 'test']
    found = {}
    for label, model in models.items():
        folder = folder_of(eval_set, model)
        recorded = records.recorded(tests, folder)
        found[label] = {key: folder(key) for key in tests if key in recorded}
    return found


def answered(folders: Folders, score: str) -> list[Answered]:
    """The answers to templates that all models answered, in the order of the first model's keys."""
    lines: dict[tuple[str, str, int], dict[int, dict[str, RecordKey]]] = {}
    for label, found in folders.items():
        for key in found:
            lines.setdefault(key.without_template, {}).setdefault(key.template, {})[label] = key
    return [_answered(line, by_template, folders, score) for line, by_template in lines.items()]


def _answered(
    line: tuple[str, str, int], by_template: Mapping[int, Mapping[str, RecordKey]], folders: Folders, score: str
) -> Answered:
    name, variant, shots = line
    labels = tuple(label for label in folders if any(label in of for of in by_template.values()))
    whole = {template: of for template, of in sorted(by_template.items()) if set(of) == set(labels)}
    pairs = {
        template: tuple(records.read(folders[label][of[label]], of[label]) for label in labels)
        for template, of in whole.items()
    }
    return Answered(f'{name} {variant}'.strip(), catalogue.dataset(name), shots, labels, pairs, score)


def summary(line: Answered) -> dict[str, Any]:
    """The counts of a line over all its answers: right and wrong, wins and losses, labels."""
    judged = [line.judgements(model) for model in range(len(line.models))]
    content = {'name': line.name, 'shots': line.shots, 'templates': list(line.pairs), 'by_degrees': line.by_degrees}
    content['answers'] = sum(map(len, judged[0]))
    content['labels'] = _labels(line, judged)
    if line.by_degrees:
        return content | {'right': {}, 'against': {}}
    right = [[line.is_right(j) for of_template in found for j in of_template] for found in judged]
    against = {
        name: _wins(right[0], right[place]) | {'p': _p(line, judged[0], judged[place])}
        for place, name in enumerate(line.models)
        if place
    }
    return content | {'right': {name: sum(found) for name, found in zip(line.models, right)}, 'against': against}


def _wins(first: Sequence[bool], other: Sequence[bool]) -> dict[str, int]:
    """Numbers of answers that both models, only one of them, or neither got right."""
    counts = collections.Counter(zip(first, other))
    names = {(True, True): 'both', (False, True): 'won', (True, False): 'lost', (False, False): 'neither'}
    return {name: counts[pair] for pair, name in names.items()}


def _p(line: Answered, first: Sequence[Sequence[Judgement]], other: Sequence[Sequence[Judgement]]) -> float | None:
    """The p-value of McNemar's test over examples, if the metric is an accuracy and examples have no groups."""
    headline = METRICS[line.dataset.metrics[0]].headline
    if headline != 'accuracy' or not first or any(judged.group for judged in first[0]):
        return None
    return significance.mcnemar(*significance.wins(first, other))


def _labels(line: Answered, judged: Sequence[Sequence[Sequence[Judgement]]]) -> dict[str, Any] | None:
    """The confusion matrix of every model, if all examples have the same few options; rows are the expected options."""
    sets = {j.choices for of_template in judged[0] for j in of_template}
    if len(sets) != 1 or not 1 < len(next(iter(sets))) <= MOST_LABELS:
        return None
    names = list(next(iter(sets)))
    matrices = {}
    for model, found in zip(line.models, judged):
        counts = collections.Counter(j.label_pair() for of_template in found for j in of_template)
        matrices[model] = [[counts[row, column] for column in range(len(names))] for row in range(len(names))]
    return {'names': names, 'matrices': matrices}


def shown_records(lines: Sequence[Answered]) -> list[dict[str, Any]]:
    """For each line the answers on the page: an equal share of `MOST_SHOWN`, preferably those where models differ."""
    most = math.ceil(MOST_SHOWN / max(1, len(lines)))
    return [
        {
            'name': line.name,
            'shots': line.shots,
            'models': line.models,
            'metric': METRICS[line.dataset.metrics[0]].headline,
            'by_degrees': line.by_degrees,
            'records': [_shown(line, *place) for place in _chosen(line, most)],
        }
        for line in lines
    ]


def _chosen(line: Answered, most: int) -> list[tuple[int, int]]:
    """Templates and examples to show, evenly spaced; up to half of them are ones where models differ."""
    places = [(template, index) for template, of in line.pairs.items() for index in range(len(of[0]))]
    if len(places) <= most:
        return places
    differ = [place for place in places if len({_answer(line, found, place) for found in range(len(line.models))}) > 1]
    first = _spread(differ, most // 2)
    others = sorted(set(places) - set(first))
    return sorted(first + _spread(others, most - len(first)))


def _answer(line: Answered, model: int, place: tuple[int, int]) -> str:
    return judgement(line.pairs[place[0]][model][place[1]], line.score).prediction


def _spread(places: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    """Up to `most` evenly spaced ones of the places."""
    return places if len(places) <= most else [places[index * len(places) // most] for index in range(most)]


def _shown(line: Answered, template: int, index: int) -> dict[str, Any]:
    of_models = [found[index] for found in line.pairs[template]]
    record = of_models[0]
    more = len(record['prompt']) - LONGEST
    return {
        'template': template,
        'example': record['example'],
        'prompt': record['prompt'][:LONGEST] + (f' [… {more:,} more characters]' if more > 0 else ''),
        'references': record['references'],
        'answers': [_model_answer(line, found) for found in of_models],
    }


def _model_answer(line: Answered, record: Record) -> dict[str, Any]:
    judged = judgement(record, line.score)
    content: dict[str, Any] = {'text': judged.prediction}
    if 'options' in record:
        content['scores'] = [[option['text'], round(option[line.score], 3)] for option in record['options']]
    if 1 < len(judged.choices) <= MOST_LABELS:
        content['labels'] = judged.label_pair()  # its cell in the confusion matrix
    metric = METRICS[line.dataset.metrics[0]]
    if not line.by_degrees:
        content['right'] = line.is_right(judged)
    elif not judged.choices:
        content['degree'] = round(metric.compute([judged])[metric.headline], 1)
    return content
