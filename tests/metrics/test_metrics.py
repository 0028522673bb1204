"""Metrics against independent implementations and hand-computed values."""

from typing import get_args

import numpy as np
import pytest
import rouge_score.rouge_scorer
import sacrebleu
import sklearn.metrics

from flan_jax.catalogue.declaration import MetricName
from flan_jax.metrics.metrics import METRICS, Judgement, judge


def choices(labels, predictions, options=('no', 'yes'), groups=None):
    groups = groups or [''] * len(labels)
    triples = zip(labels, predictions, groups)
    return [Judgement(options[said], (options[label],), options, group) for label, said, group in triples]


def texts(*pairs):
    return [Judgement(prediction, references) for prediction, references in pairs]


def test_declarations_may_name_exactly_the_metrics_there_are():
    assert set(get_args(MetricName)) == set(METRICS)


def test_every_headline_is_computed():
    plain = choices([0, 1, 1, 0], [0, 1, 0, 1], groups=['a', 'a', 'b', 'b'])
    numbers = texts(('1', ('1',)), ('2', ('3',)), ('3', ('4',)))
    free = texts(('a cat sat', ('a cat sat', 'the cat sat')), ('no', ('dogs bark',)))
    for name, metric in METRICS.items():
        given = {'pearson_spearman': numbers}.get(name, plain if name in CHOICE_METRICS else free)
        assert metric.headline in metric.compute(given), name


CHOICE_METRICS = {'accuracy', 'macro_f1', 'binary_f1', 'multirc', 'record'}


def test_accuracy_takes_any_of_several_right_options():
    judgements = [Judgement('a', ('a', 'b')), Judgement('b', ('a', 'b')), Judgement('c', ('a', 'b'))]
    assert judge(['accuracy'], judgements)['accuracy'] == pytest.approx(200 / 3)


def test_macro_f1_is_sklearns_on_names_of_options():
    """The original compared names with numbers, which made CB's F1 zero."""
    options = ('yes', 'no', 'it is impossible to say')
    labels, predictions = [0, 1, 2, 0, 1, 0], [0, 1, 2, 1, 0, 0]
    expected = 100 * sklearn.metrics.f1_score(labels, predictions, average='macro')
    scores = judge(['macro_f1'], choices(labels, predictions, options))
    assert scores == pytest.approx({'macro_f1': expected, 'accuracy': 100 * 4 / 6})
    assert expected > 0


def test_binary_f1_counts_the_second_option():
    labels, predictions = [0, 1, 1, 1, 0], [0, 1, 1, 0, 1]
    expected = 100 * sklearn.metrics.f1_score(labels, predictions)
    assert judge(['binary_f1'], choices(labels, predictions)) == pytest.approx({'f1': expected, 'accuracy': 60.0})


def test_an_answer_that_is_no_option_is_wrong():
    judgements = [Judgement('perhaps', ('yes',), ('no', 'yes')), *choices([1], [1])]
    assert judge(['binary_f1'], judgements)['f1'] == pytest.approx(100 * 2 / 3)


def test_multirc_needs_every_answer_of_a_question():
    labels, predictions = [1, 0, 1, 1], [1, 0, 1, 0]
    scores = judge(['multirc'], choices(labels, predictions, groups=['1-1', '1-1', '1-2', '1-2']))
    assert scores['exact_match'] == 50.0
    assert scores['f1'] == pytest.approx(100 * sklearn.metrics.f1_score(labels, predictions))


def test_squad_takes_the_best_reference():
    judgements = texts(('The Eiffel Tower!', ('eiffel tower', 'tower')), ('in Paris', ('Paris, France',)))
    scores = judge(['squad'], judgements)
    assert scores['em'] == 50.0
    assert scores['f1'] == pytest.approx(100 * (1 + 0.5) / 2)


def test_exact_match_ignores_blanks_at_the_ends_only():
    assert judge(['exact_match'], texts((' -12\n', ('-12',)), ('- 12', ('-12',))))['exact_match'] == 50.0


def test_correlations_are_numpys():
    expected, predicted = [0, 1, 2, 3, 5], [0, 2, 1, 3, 4]
    judgements = texts(*((str(p), (str(e),)) for p, e in zip(predicted, expected)))
    pearson = 100 * np.corrcoef(expected, predicted)[0, 1]
    assert judge(['pearson_spearman'], judgements)['pearson_corrcoef'] == pytest.approx(pearson)


def test_edit_distance_sees_case_and_punctuation():
    """The original lower-cased both sides, so that true-casing could not fail."""
    judgements = texts(('london is big', ('London is big.',)))
    assert judge(['edit_distance'], judgements)['word_error_rate'] == pytest.approx(100 * 2 / 3)


def test_rouge_is_the_best_over_references_then_the_mean():
    judgements = texts(
        ('the cat sat on the mat', ('a cat sat on a mat', 'the cat is on the mat')), ('dogs bark', ('birds sing',))
    )
    scorer = rouge_score.rouge_scorer.RougeScorer(['rouge2'])
    best = max(scorer.score(r, 'the cat sat on the mat')['rouge2'].fmeasure for r in judgements[0].references)
    assert judge(['rouge'], judgements)['rouge2'] == pytest.approx(100 * best / 2)


def test_bleu_is_sacrebleus():
    said = ['The cat sat on the mat.', 'It is raining heavily today.']
    meant = ['The cat sat on the red mat.', 'It rains heavily today.']
    expected = sacrebleu.corpus_bleu(said, [meant], tokenize='intl').score
    assert judge(['bleu'], texts(*((s, (m,)) for s, m in zip(said, meant))))['bleu'] == pytest.approx(expected)


def test_nothing_to_judge_is_an_error():
    with pytest.raises(ValueError, match='no predictions to judge by accuracy'):
        judge(['accuracy'], [])
