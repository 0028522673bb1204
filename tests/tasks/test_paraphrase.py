"""Paraphrase: label order, the rounding of STS-B, and the text of the fields."""

import pytest
import tensorflow as tf

from flan_jax.data.preview import rendered_examples
from flan_jax.data.rendering import read_field, read_values
from flan_jax.metrics.classification import binary_f1
from flan_jax.metrics.judgement import Judgement
from flan_jax.tasks import paraphrase


def field(dataset, name, text):
    return read_field(dataset.fields[name], {name: tf.constant(text)}).numpy().decode()


@pytest.mark.parametrize(
    ('dataset', 'name', 'answers'),
    [
        (
            paraphrase.GLUE_MRPC,
            'sentence2',
            {
                'A strike on Friday has been called for by the union.': 'yes',
                'The lake froze over completely this winter.': 'no',
            },
        ),
        (paraphrase.GLUE_QQP, 'question2', {'How do frogs differ from toads?': 'yes', 'What do frogs eat?': 'no'}),
        (
            paraphrase.PAWS_WIKI,
            'sentence2',
            {
                'Opened in May 1911, the station has two platforms.': 'yes',
                'The count gave the portrait to the painter, who hung it in his library.': 'no',
            },
        ),
        (paraphrase.STSB, 'sentence2', {'A kid draws a picture.': '5', 'The parliament elected a new president.': '0'}),
    ],
    ids=lambda value: getattr(value, 'name', ''),
)
def test_labels_are_read_in_the_order_of_the_builder(dataset, name, answers, samples_dir):
    found = {ex.fields[name]: ex.answer for ex in rendered_examples(dataset, 'test', samples_dir)}
    assert answers.items() <= found.items()


@pytest.mark.parametrize('dataset', [paraphrase.GLUE_MRPC, paraphrase.GLUE_QQP], ids=lambda dataset: dataset.name)
def test_f1_counts_paraphrases_as_positive(dataset, samples_dir):
    examples = list(rendered_examples(dataset, 'test', samples_dir))
    always_no = [Judgement('no', ex.references, ex.choices) for ex in examples]
    always_yes = [Judgement('yes', ex.references, ex.choices) for ex in examples]
    assert binary_f1(always_no)['f1'] == 0 and binary_f1(always_yes)['f1'] > 0


@pytest.mark.parametrize(
    ('score', 'answer'), [(0.0, '0'), (0.5, '1'), (1.5, '2'), (2.4, '2'), (2.5, '3'), (4.5, '5'), (5.0, '5')]
)
def test_stsb_rounds_halves_up(score, answer):
    sentence = tf.constant('A dog barks.')
    ex = {'sentence1': sentence, 'sentence2': sentence, 'label': tf.constant(score, tf.float32)}
    assert read_values(paraphrase.STSB, ex)['answer'].numpy().decode() == answer


@pytest.mark.parametrize('dataset', paraphrase.DATASETS, ids=lambda dataset: dataset.name)
def test_every_question_shows_its_options(dataset):
    """One template of the original PAWS lacked them."""
    assert all('{options}' in template.inputs for template in dataset.forward_templates.values())


@pytest.mark.parametrize(
    ('raw', 'plain'),
    [
        ('"What does ""to sleep in"" mean?"', 'What does "to sleep in" mean?'),
        ('"Who said ""I came, I saw""?"', 'Who said "I came, I saw"?'),
        ('Is 5\'5"" tall for a boy ?', 'Is 5\'5" tall for a boy?'),
        ('"Dune" or "Emma": which is longer?', '"Dune" or "Emma": which is longer?'),
        ('What is [math]2^3[/math] ?? ', 'What is 2^3?'),
    ],
)
def test_qqp_quotation_marks_are_those_the_author_wrote(raw, plain):
    assert field(paraphrase.GLUE_QQP, 'question1', raw) == plain


@pytest.mark.parametrize(
    ('raw', 'plain'),
    [
        (
            'The mayor called it " a good day " , and her staff didn \'t object .',
            'The mayor called it "a good day", and her staff didn\'t object.',
        ),
        ("The band 's song `` Low Tide '' ( 1996 ) won .", 'The band\'s song "Low Tide" (1996) won.'),
        ('Shares rose $ 2.5 , or 4.4 % , in 2007 -- 08 .', 'Shares rose $2.5, or 4.4%, in 2007-08.'),
        ('The index .IXIC rose; "good", he said.', 'The index .IXIC rose; "good", he said.'),
    ],
)
def test_tokenized_text_reads_as_people_write_it(raw, plain):
    assert field(paraphrase.GLUE_MRPC, 'sentence1', raw) == plain
