"""Metrics over predictions, from t5, sacrebleu, rouge_score and scikit-learn (FLAN, section 3 and Appendix G).

Each metric takes `Judgement`s and gives named scores, in per cent where the score is a fraction.
"""

import dataclasses
from collections.abc import Callable, Sequence

Scores = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """One prediction beside what was expected.

    Attributes:
      prediction: what the model answered.
      references: the acceptable answers, at least one.
      choices: the options in the order of the labels; empty where the answer is free text.
      group: key under which examples are judged together; empty where each stands alone.
    """

    prediction: str
    references: tuple[str, ...]
    choices: tuple[str, ...] = ()
    group: str = ''

    def label_pair(self) -> tuple[int, int]:
        """Index of the expected and of the predicted option; -1 for a prediction that is no option."""
        predicted = self.choices.index(self.prediction) if self.prediction in self.choices else -1
        return self.choices.index(self.references[0]), predicted


@dataclasses.dataclass(frozen=True)
class Metric:
    """A metric and the name of its headline score."""

    compute: Callable[[Sequence[Judgement]], Scores]
    headline: str
    smaller_is_better: bool = False


def accuracy(judgements: Sequence[Judgement]) -> Scores:
    """Share of predictions that are one of the references."""
    return {'accuracy': _percent([j.prediction in j.references for j in judgements])}


def macro_f1(judgements: Sequence[Judgement]) -> Scores:
    """Unweighted mean of the options' F1, and accuracy, as SuperGLUE judges CB."""
    import sklearn.metrics

    labels = list(judgements[0].choices)
    expected = [j.references[0] for j in judgements]
    predicted = [j.prediction for j in judgements]
    f1 = sklearn.metrics.f1_score(expected, predicted, labels=labels, average='macro', zero_division=0)
    return {'macro_f1': 100 * float(f1)} | accuracy(judgements)


def binary_f1(judgements: Sequence[Judgement]) -> Scores:
    """F1 of the second option, and accuracy, as GLUE judges MRPC and QQP."""
    from t5.evaluation import metrics as t5_metrics

    expected, predicted = zip(*(j.label_pair() for j in judgements))
    return {'f1': float(t5_metrics.f1_score_with_invalid(list(expected), list(predicted))['f1'])} | accuracy(judgements)


def multirc(judgements: Sequence[Judgement]) -> Scores:
    """F1 over all answers, and the share of questions with every answer judged right, as SuperGLUE judges MultiRC."""
    from t5.evaluation import metrics as t5_metrics

    pairs = [(j.group, *j.label_pair()) for j in judgements]
    targets = [{'group': group, 'value': expected} for group, expected, _ in pairs]
    predictions = [{'group': group, 'value': predicted} for group, _, predicted in pairs]
    f1 = t5_metrics.multirc_f1_over_all_answers(targets, predictions)
    exact = t5_metrics.mean_group_metric(t5_metrics.all_match)(targets, predictions)
    return {'f1': float(f1['f1']), 'exact_match': float(exact['exact_match'])}


def squad(judgements: Sequence[Judgement]) -> Scores:
    """SQuAD's normalised F1 and exact match, the best over the references."""
    from t5.evaluation import metrics as t5_metrics

    return _question_answering(t5_metrics.squad, judgements)


def trivia_qa(judgements: Sequence[Judgement]) -> Scores:
    """TriviaQA's normalised exact match and F1, the best over the references."""
    from t5.evaluation import metrics as t5_metrics

    return _question_answering(t5_metrics.trivia_qa, judgements)


def coqa(judgements: Sequence[Judgement]) -> Scores:
    """CoQA's word F1, the best over the references."""
    from t5.evaluation import metrics as t5_metrics

    references = [list(j.references) for j in judgements]
    return {'f1': float(t5_metrics.coqa_f1(references, [j.prediction for j in judgements])['f1'])}


def pearson_spearman(judgements: Sequence[Judgement]) -> Scores:
    """Correlations of the predicted with the expected numbers; what is no number counts as -1, as in t5."""
    from t5.data.postprocessors import string_to_float
    from t5.evaluation import metrics as t5_metrics

    expected = [string_to_float(j.references[0]) for j in judgements]
    predicted = [string_to_float(j.prediction) for j in judgements]
    pearson = t5_metrics.pearson_corrcoef(expected, predicted)
    spearman = t5_metrics.spearman_corrcoef(expected, predicted)
    return {name: float(score) for name, score in (pearson | spearman).items()}


def exact_match(judgements: Sequence[Judgement]) -> Scores:
    """Share of predictions equal to a reference but for blanks at the ends."""
    hits = [j.prediction.strip() in {r.strip() for r in j.references} for j in judgements]
    return {'exact_match': _percent(hits)}


def edit_distance(judgements: Sequence[Judgement]) -> Scores:
    """Word edits per hundred reference words, with case and punctuation; smaller is better."""
    import editdistance

    words = [(j.references[0].split(), j.prediction.split()) for j in judgements]
    edits = sum(editdistance.eval(expected, predicted) for expected, predicted in words)
    return {'word_error_rate': 100 * edits / sum(len(expected) for expected, _ in words)}


def rouge(judgements: Sequence[Judgement]) -> Scores:
    """ROUGE-1, -2 and -Lsum F-measures: the best over the references, then the mean over examples."""
    from rouge_score import rouge_scorer

    kinds = ('rouge1', 'rouge2', 'rougeLsum')
    scorer = rouge_scorer.RougeScorer(kinds, use_stemmer=False)
    scores = [scorer.score_multi(list(map(_lines, j.references)), _lines(j.prediction)) for j in judgements]
    return {kind: 100 * sum(score[kind].fmeasure for score in scores) / len(scores) for kind in kinds}


def bleu(judgements: Sequence[Judgement]) -> Scores:
    """Corpus BLEU by sacrebleu with its international tokenisation, as in t5."""
    import sacrebleu

    most = max(len(j.references) for j in judgements)
    streams = [[j.references[i] if i < len(j.references) else None for j in judgements] for i in range(most)]
    return {'bleu': sacrebleu.corpus_bleu([j.prediction for j in judgements], streams, tokenize='intl').score}


METRICS: dict[str, Metric] = {
    'accuracy': Metric(accuracy, 'accuracy'),
    'macro_f1': Metric(macro_f1, 'accuracy'),
    'binary_f1': Metric(binary_f1, 'accuracy'),
    'multirc': Metric(multirc, 'f1'),
    'record': Metric(trivia_qa, 'em'),
    'squad': Metric(squad, 'f1'),
    'trivia_qa': Metric(trivia_qa, 'em'),
    'coqa': Metric(coqa, 'f1'),
    'pearson_spearman': Metric(pearson_spearman, 'pearson_corrcoef'),
    'exact_match': Metric(exact_match, 'exact_match'),
    'edit_distance': Metric(edit_distance, 'word_error_rate', smaller_is_better=True),
    'rouge': Metric(rouge, 'rouge1'),
    'bleu': Metric(bleu, 'bleu'),
}
"""What a dataset may name, with the headline that FLAN's Tables 1 and 2 print."""


def judge(names: Sequence[str], judgements: Sequence[Judgement]) -> Scores:
    """The scores of several metrics.

    Raises:
      ValueError: if there is nothing to judge.
    """
    if not judgements:
        raise ValueError(f'no predictions to judge by {", ".join(names)}')
    scores: Scores = {}
    for name in names:
        scores |= METRICS[name].compute(judgements)
    return scores


def _question_answering(metric: Callable, judgements: Sequence[Judgement]) -> Scores:
    scores = metric([list(j.references) for j in judgements], [j.prediction for j in judgements])
    return {name: float(score) for name, score in scores.items()}


def _percent(hits: Sequence[bool]) -> float:
    return 100 * sum(hits) / len(hits)


def _lines(text: str) -> str:
    """One sentence a line, which is what ROUGE-Lsum compares."""
    return text.replace(' . ', ' .\n')
