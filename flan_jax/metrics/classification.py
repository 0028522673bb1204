"""Metrics of answers chosen from options."""

from collections.abc import Sequence

import numpy as np

from flan_jax.metrics.judgement import Judgement, Scores
from flan_jax.metrics.metric import Metric, Sums, percent, ratio


def accuracy(judgements: Sequence[Judgement]) -> Scores:
    """Share of predictions that are one of the references."""
    return {'accuracy': percent([judgement.is_right for judgement in judgements])}


def macro_f1(judgements: Sequence[Judgement]) -> Scores:
    """Unweighted mean of the options' F1, and accuracy: SuperGLUE's metrics for CB."""
    import sklearn.metrics

    labels = list(judgements[0].choices)
    expected = [j.references[0] for j in judgements]
    predicted = [j.prediction for j in judgements]
    f1 = sklearn.metrics.f1_score(expected, predicted, labels=labels, average='macro', zero_division=0)
    return {'macro_f1': 100 * float(f1)} | accuracy(judgements)


def binary_f1(judgements: Sequence[Judgement]) -> Scores:
    """F1 of the second option, and accuracy: GLUE's metrics for MRPC and QQP."""
    from t5.evaluation import metrics as t5_metrics

    expected, predicted = zip(*(j.label_pair() for j in judgements))
    return {'f1': float(t5_metrics.f1_score_with_invalid(list(expected), list(predicted))['f1'])} | accuracy(judgements)


def multirc(judgements: Sequence[Judgement]) -> Scores:
    """SuperGLUE's metrics for MultiRC: F1 over all answers, and the share of questions with all answers right."""
    from t5.evaluation import metrics as t5_metrics

    pairs = [(j.group, *j.label_pair()) for j in judgements]
    targets = [{'group': group, 'value': expected} for group, expected, _ in pairs]
    predictions = [{'group': group, 'value': predicted} for group, _, predicted in pairs]
    f1 = t5_metrics.multirc_f1_over_all_answers(targets, predictions)
    exact = t5_metrics.mean_group_metric(t5_metrics.all_match)(targets, predictions)
    return {'f1': float(f1['f1']), 'exact_match': float(exact['exact_match'])}


def _mean_accuracy(judgements: Sequence[Judgement]) -> np.ndarray:
    return np.array([(100.0 * judgement.is_right, 1.0) for judgement in judgements])


def _confusion(judgements: Sequence[Judgement]) -> np.ndarray:
    """True positives, expected positives and predicted positives of the second option, [E, 3]."""
    expected, predicted = np.array([judgement.label_pair() for judgement in judgements], np.float64).T
    # As in t5, a prediction that is not an option counts as the wrong one of the two.
    predicted = np.where(predicted < 0, 1 - expected, predicted)
    return np.stack([expected * predicted, expected, predicted], axis=-1)


ACCURACY_SUMS = Sums(_mean_accuracy, lambda sums: ratio(sums[..., 0], sums[..., 1]))
F1_SUMS = Sums(_confusion, lambda sums: 200 * ratio(sums[..., 0], sums[..., 1] + sums[..., 2]))

METRICS = {
    'accuracy': Metric(accuracy, 'accuracy', sums=ACCURACY_SUMS),
    'macro_f1': Metric(macro_f1, 'accuracy', sums=ACCURACY_SUMS),
    'binary_f1': Metric(binary_f1, 'accuracy', sums=ACCURACY_SUMS),
    'multirc': Metric(multirc, 'f1', sums=F1_SUMS),
}
