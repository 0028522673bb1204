"""The metrics that datasets name, by t5, sacrebleu, rouge_score, scipy, scikit-learn (FLAN, section 3, appendix G)."""

from collections.abc import Sequence

from flan_jax.metrics import classification, correlation, question_answering, solutions, text
from flan_jax.metrics.judgement import Judgement, Scores
from flan_jax.metrics.metric import Metric

METRICS: dict[str, Metric] = (
    classification.METRICS | question_answering.METRICS | correlation.METRICS | text.METRICS | solutions.METRICS
)
"""Metrics by name, with the headline that FLAN's Tables 1 and 2 print."""


def judge(names: Sequence[str], judgements: Sequence[Judgement]) -> Scores:
    """The scores of several metrics.

    Raises:
      ValueError: without judgements.
    """
    if not judgements:
        raise ValueError(f'no predictions to compute {", ".join(names)}')
    scores: Scores = {}
    for name in names:
        scores |= METRICS[name].compute(judgements)
    return scores
