"""Metrics of short answers to questions, after normalising case, articles and punctuation."""

from collections.abc import Callable, Sequence

from flan_jax.metrics.judgement import Judgement, Scores
from flan_jax.metrics.metric import Metric


def squad(judgements: Sequence[Judgement]) -> Scores:
    """SQuAD's normalised F1 and exact match, the best over the references."""
    from t5.evaluation import metrics as t5_metrics

    return _best_over_references(t5_metrics.squad, judgements)


def trivia_qa(judgements: Sequence[Judgement]) -> Scores:
    """TriviaQA's normalised exact match and F1, the best over the references."""
    from t5.evaluation import metrics as t5_metrics

    return _best_over_references(t5_metrics.trivia_qa, judgements)


def coqa(judgements: Sequence[Judgement]) -> Scores:
    """CoQA's word F1, the best over the references."""
    from t5.evaluation import metrics as t5_metrics

    references = [list(j.references) for j in judgements]
    return {'f1': float(t5_metrics.coqa_f1(references, [j.prediction for j in judgements])['f1'])}


def _best_over_references(metric: Callable, judgements: Sequence[Judgement]) -> Scores:
    scores = metric([list(j.references) for j in judgements], [j.prediction for j in judgements])
    return {name: float(score) for name, score in scores.items()}


METRICS = {
    'record': Metric(trivia_qa, 'em'),
    'squad': Metric(squad, 'f1'),
    'trivia_qa': Metric(trivia_qa, 'em'),
    'coqa': Metric(coqa, 'f1'),
}
