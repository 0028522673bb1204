"""Coreference: the word that is meant is the one shown, and options read as the text would."""

import pytest
import tensorflow as tf

from flan_jax import catalogue
from flan_jax.data import rendering
from flan_jax.data.preview import rendered_examples

DPR, WINOGRANDE, WSC273, WSC = map(catalogue.dataset, ('definite_pronoun_resolution', 'winogrande', 'wsc273', 'wsc'))


def read(dataset, ex):
    return rendering.read_values(dataset, {name: tf.constant(value) for name, value in ex.items()})


def choices(values):
    return [choice.decode() for choice in values['choices'].numpy()]


def wsc273_example(before, pronoun, after, candidates, label=0):
    return {
        'text': f'{before} {pronoun}{after}',
        'pronoun_start': len(before) + 1,
        'pronoun_end': len(before) + 1 + len(pronoun),
        'pronoun_text': pronoun,
        'option1_normalized': candidates[0],
        'option2_normalized': candidates[1],
        'label': label,
    }


def test_dpr_means_the_first_occurrence_of_the_pronoun_as_a_word():
    ex = {
        'sentence': 'The guests thanked the cooks because they had worked while they sang.',
        'pronoun': 'they',
        'candidates': ['The guests', 'the cooks'],
        'label': 1,
    }
    values = read(DPR, ex)
    assert values['marked'] == 'The guests thanked the cooks because *they* had worked while they sang.'
    assert values['with_gap'] == 'The guests thanked the cooks because ____ had worked while they sang.'
    assert (
        read(DPR, ex | {'pronoun': 'he', 'sentence': 'The other says he can.'})['marked'] == 'The other says *he* can.'
    )


@pytest.mark.parametrize(
    ('sentence', 'start', 'endings'),
    [
        ('The jug leaks, so _ weeps.', 'The jug leaks, so', ['Ann weeps.', 'Eve weeps.']),
        ('It is late. The _ was here.', 'It is late.', ['The Ann was here.', 'The Eve was here.']),
        ('We looked at  both and took the _ .', 'We looked at both and took', ['the Ann.', 'the Eve.']),
        ("It is late. _ 's train has left.", 'It is late.', ["Ann's train has left.", "Eve's train has left."]),
        ('The _ pen is here.', 'The', ['Ann pen is here.', 'Eve pen is here.']),
    ],
)
def test_winogrande_options_are_a_candidate_and_the_rest_of_the_text(sentence, start, endings):
    values = read(WINOGRANDE, {'sentence': sentence, 'option1': 'Ann', 'option2': 'Eve', 'label': 1})
    assert values['start'] == start
    assert choices(values) == endings
    assert values['answer'] == endings[1]


@pytest.mark.parametrize(
    ('pronoun', 'after', 'candidates', 'endings'),
    [
        ('she', ' is shy.', ('Ruth', "Ann's"), ['Ruth is shy.', 'Ann is shy.']),
        ('her', ' dog barked.', ('Ruth', "Ann's"), ["Ruth's dog barked.", "Ann's dog barked."]),
        ('it', ' is better.', ("Ruth's drawing", "Ann's"), ["Ruth's drawing is better.", "Ann's is better."]),
        ('They', ' barked.', ('people', 'The dogs'), ['People barked.', 'The dogs barked.']),
        ('them', '.', ('the foxes', 'the hens'), ['the foxes.', 'the hens.']),
    ],
)
def test_wsc273_candidates_fit_the_place_of_the_pronoun(pronoun, after, candidates, endings):
    assert choices(read(WSC273, wsc273_example('It is late.', pronoun, after, candidates))) == endings


def test_wsc273_positions_count_characters_not_bytes():
    values = read(WSC273, wsc273_example('Zoë met Chloé as', 'she', ' left.', ('Zoë', 'Chloé'), label=1))
    assert values['start'].numpy().decode() == 'Zoë met Chloé as'
    assert values['marked'].numpy().decode() == 'Zoë met Chloé as *she* left.'
    assert values['answer'].numpy().decode() == 'Chloé left.'


def test_wsc273_is_for_evaluation_only():
    assert WSC273.splits.train is None and WSC273.splits.validation is None
    assert len(WSC273.forward_templates) == len(WSC273.templates)


@pytest.mark.parametrize(
    ('index', 'marked'), [(4, 'As Ann knows, *she* and she sing.'), (6, 'As Ann knows, she and *she* sing.')]
)
def test_wsc_marks_the_pronoun_that_is_asked_about(index, marked):
    ex = {'text': 'As Ann knows , she and she sing .', 'span1_text': 'Ann', 'span2_text': 'she', 'label': 1}
    assert read(WSC, ex | {'span2_index': index})['marked'] == marked


@pytest.mark.parametrize(
    ('label', 'answer', 'request_for_noun'), [(0, 'no', 'does not refer'), (1, 'yes', 'refer to?')]
)
def test_wsc_true_means_yes_and_inverted_it_asks_accordingly(label, answer, request_for_noun):
    ex = {'text': 'Ann says she sings.', 'span2_index': 2, 'span2_text': 'she', 'span1_text': 'Ann', 'label': label}
    values = read(WSC, ex)
    assert values['answer'] == answer
    assert request_for_noun in values['request_for_noun'].numpy().decode()


@pytest.mark.parametrize(
    ('dataset', 'text', 'answer'),
    [
        (DPR, 'The wolf followed the sheep because it had lost its flock.', 'the sheep'),
        (WINOGRANDE, 'The blanket kept me warmer than the jacket because the ____ was thin.', 'the jacket was thin.'),
        (WSC273, 'The hammer broke the plate because *it* was made of glass.', 'the plate was made of glass.'),
        (WSC, 'The lawyer met the baker at the market, where *he* sold bread on Saturdays.', 'yes'),
        (WSC, 'The lawyer met the baker at the market, where *he* bought bread every Saturday.', 'no'),
    ],
    ids=lambda value: getattr(value, 'name', None),
)
def test_answers_follow_the_order_of_the_labels(dataset, text, answer, samples_dir):
    examples = rendered_examples(dataset, 'test', samples_dir)
    assert [ex.answer for ex in examples if text in ex.fields.values()] == [answer]
