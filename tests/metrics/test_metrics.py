"""Metrics against independent implementations and hand-computed values."""

from typing import get_args

import hypothesis
import hypothesis.strategies as st
import pytest
import rouge_score.rouge_scorer
import sacrebleu
import scipy.stats
import sklearn.metrics

from flan_jax.catalogue.declaration import MetricName
from flan_jax.metrics.judgement import Judgement
from flan_jax.metrics.metrics import METRICS, judge

RATINGS = st.integers(0, 50).map(lambda tenths: tenths / 10)
"""Numbers as STS-B's."""


def choices(labels, predictions, options=('no', 'yes'), groups=None):
    groups = groups or [''] * len(labels)
    triples = zip(labels, predictions, groups)
    return [Judgement(options[answer], (options[label],), options, group) for label, answer, group in triples]


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


def numbers(expected, predicted):
    return texts(*((str(p), (str(e),)) for p, e in zip(predicted, expected)))


@hypothesis.given(st.lists(st.tuples(RATINGS, RATINGS), min_size=2, max_size=30))
def test_correlations_are_scipys(pairs):
    expected, predicted = zip(*pairs)
    hypothesis.assume(len(set(expected)) > 1 and len(set(predicted)) > 1)
    scores = judge(['pearson_spearman'], numbers(expected, predicted))
    assert scores['pearson_corrcoef'] == pytest.approx(100 * scipy.stats.pearsonr(expected, predicted)[0], abs=1e-9)
    assert scores['spearman_corrcoef'] == pytest.approx(100 * scipy.stats.spearmanr(expected, predicted)[0], abs=1e-9)


@pytest.mark.parametrize(
    ('expected', 'predicted'),
    [([1, 2, 3.5], [3.8, 3.8, 3.8]), ([2, 2], [1, 3]), ([1], [1]), ([1, 2, 3], ['none', 'nan', 'inf'])],
)
def test_a_correlation_with_a_constant_is_zero(expected, predicted):
    """What is no number counts as -1, and so does what is none that can be correlated."""
    scores = judge(['pearson_spearman'], numbers(expected, predicted))
    assert scores == {'pearson_corrcoef': 0.0, 'spearman_corrcoef': 0.0}


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
    answers = ['The cat sat on the mat.', 'It is raining heavily today.']
    meant = ['The cat sat on the red mat.', 'It rains heavily today.']
    expected = sacrebleu.corpus_bleu(answers, [meant], tokenize='intl').score
    assert judge(['bleu'], texts(*((a, (m,)) for a, m in zip(answers, meant))))['bleu'] == pytest.approx(expected)


def test_nothing_to_judge_is_an_error():
    with pytest.raises(ValueError, match='no predictions to compute accuracy'):
        judge(['accuracy'], [])


def test_a_final_answer_is_found_after_any_reasoning():
    (score,) = judge(
        ['final_answer'],
        texts(
            ('Half of 10 is 5, so 5 + 1 = 6.\nThe answer is 6.', ('Count.\nThe answer is 6.',)),
            ('1,234', ('The answer is $1234.',)),
            ('The answer is 5. No: the answer is Yes.\nQ: next', ('yes',)),
            ('The answer is 60.', ('6',)),
            ('I counted 6 of them, I think', ('6',)),
        ),
    ).values()
    assert score == pytest.approx(100 * 3 / 5)
