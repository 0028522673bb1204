"""Metrics of short answers to questions, after normalising case, articles and punctuation."""

import re
from collections.abc import Callable, Sequence

from flan_jax.metrics.judgement import Judgement, Scores
from flan_jax.metrics.metric import Metric, percent


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


def final_answer(judgements: Sequence[Judgement]) -> Scores:
    """Share of predictions that end in a reference's answer, whatever reasoning precedes it.

    The answer is what follows the last "answer is", or the whole text without it. Case, currency signs, commas in
    numbers and the full stop at the end do not count.
    """
    return {'final_answer': percent([_final(j.prediction) in set(map(_final, j.references)) for j in judgements])}


def _final(text: str) -> str:
    """The normalised answer at the end of a text."""
    last = re.split(r'answer is:?', text, flags=re.IGNORECASE)[-1].strip().partition('\n')[0]
    return re.sub(r'[$€£]|(?<=\d),(?=\d{3})', '', last).strip().rstrip('.').lower()


def _best_over_references(metric: Callable, judgements: Sequence[Judgement]) -> Scores:
    scores = metric([list(j.references) for j in judgements], [j.prediction for j in judgements])
    return {name: float(score) for name, score in scores.items()}


METRICS = {
    'record': Metric(trivia_qa, 'em'),
    'squad': Metric(squad, 'f1'),
    'trivia_qa': Metric(trivia_qa, 'em'),
    'coqa': Metric(coqa, 'f1'),
    'final_answer': Metric(final_answer, 'final_answer'),
}
