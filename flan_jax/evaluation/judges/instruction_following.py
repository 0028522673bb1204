"""The Instruction Following Score of records (AlShikh et al. 2023), reconstructed."""

from collections.abc import Sequence

import numpy as np

from flan_jax.evaluation.instruction_following.classifier import AnswerClassifier
from flan_jax.evaluation.judges.judge import Judge
from flan_jax.evaluation.records import Record
from flan_jax.metrics import bootstrap
from flan_jax.metrics.judgement import Judgement, Scores


class InstructionFollowing(Judge):
    """Judges generated answers by a classifier, without references."""

    headline = 'instruction_following'

    def __init__(self, classifier: AnswerClassifier):
        """Judges by `classifier`."""
        self._classifier = classifier

    def scores(self, records: Sequence[Record]) -> Scores:
        """The share of answers, per cent."""
        if not records:
            raise ValueError('no records to judge')
        return {self.headline: 100 * float(self._hits(records).mean())}

    def interval(self, templates: Sequence[Sequence[Record]]) -> tuple[float, float]:
        """By resampling examples."""
        hits_TxE = np.stack([self._hits(records) for records in templates])
        units = [Judgement(record['prediction'], (), group=record['group']) for record in templates[0]]
        weights_SxE = bootstrap.weights(units)
        return bootstrap.percentiles(100 * (weights_SxE @ hits_TxE.mean(axis=0)) / weights_SxE.sum(axis=1))

    def _hits(self, records: Sequence[Record]) -> np.ndarray:
        if options := [record for record in records if 'prediction' not in record]:
            raise ValueError(f'{options[0]["dataset"]}: its options are ranked, so there are no generated answers')
        return self._classifier.is_answer([record['prediction'] for record in records])
