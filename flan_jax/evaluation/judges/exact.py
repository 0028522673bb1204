"""Judging by the metrics of datasets, which compare answers with references."""

import math
from collections.abc import Sequence

import numpy as np

from flan_jax.catalogue.declaration import Dataset
from flan_jax.evaluation.judges.judge import Judge
from flan_jax.evaluation.records import Record
from flan_jax.metrics import bootstrap
from flan_jax.metrics.judgement import Judgement, Scores
from flan_jax.metrics.metrics import METRICS, judge


class Exact(Judge):
    """Judges by the metrics that a dataset declares; the first one is the headline."""

    def __init__(self, dataset: Dataset, score: str):
        """Judges the records of `dataset`, its options ranked by `score` (one of `option_scores.SCORES`)."""
        self.metric = dataset.metrics[0]
        self.headline = METRICS[self.metric].headline
        self.smaller_is_better = METRICS[self.metric].smaller_is_better
        self._metrics = dataset.metrics
        self._score = score

    def scores(self, records: Sequence[Record]) -> Scores:
        """The scores of all metrics."""
        return judge(self._metrics, self.judgements(records))

    def interval(self, templates: Sequence[Sequence[Record]]) -> tuple[float, float]:
        """By resampling examples, or groups of examples if the dataset declares them."""
        return bootstrap.interval(self.metric, [self.judgements(records) for records in templates])

    def judgements(self, records: Sequence[Record]) -> list[Judgement]:
        """The judgement of each record."""
        return [judgement(record, self._score) for record in records]


def judgement(record: Record, score: str) -> Judgement:
    """The judgement of a record, with options ranked by `score`; the first of equal options wins.

    Raises:
      ValueError: if a score is not finite.
    """
    references = tuple(record['references'])
    if 'prediction' in record:
        return Judgement(record['prediction'], references, group=record['group'])
    values = [option[score] for option in record['options']]
    if not all(map(math.isfinite, values)):
        raise ValueError(f'{record["dataset"]} example {record["example"]}: score {score!r} is not finite: {values}')
    choices = tuple(option['text'] for option in record['options'])
    return Judgement(choices[int(np.argmax(values))], references, choices, record['group'])
