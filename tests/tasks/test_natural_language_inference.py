"""Natural language inference: label order, direction of the question, and the text of the fields."""

import re

import pytest
import tensorflow as tf

from flan_jax.data import source
from flan_jax.data.preview import rendered_examples
from flan_jax.data.rendering import read_field, read_values, render
from flan_jax.metrics.classification import macro_f1
from flan_jax.metrics.judgement import Judgement
from flan_jax.tasks import natural_language_inference as nli

by_name = pytest.mark.parametrize('dataset', nli.DATASETS, ids=lambda dataset: dataset.name)

UNDECIDED = 'it is impossible to say'
CANNOT_TELL = 'it is not possible to tell'


def cleaned(text):
    return read_field(nli.ANLI_R3.fields['context'], {'context': tf.constant(text)}).numpy().decode()


@pytest.mark.parametrize(
    ('dataset', 'field', 'answers'),
    [
        (
            nli.ANLI_R1,
            'hypothesis',
            {
                'The Gannet had room for more people than horses.': 'yes',
                'Twelve horses were on board when the Gannet caught fire.': UNDECIDED,
                'The Gannet was repaired after the fire.': 'no',
            },
        ),
        (
            nli.CB,
            'hypothesis',
            {
                'the heating worked': 'yes',
                'the chair is an antique': 'no',
                'the snow was firm': UNDECIDED,
            },
        ),
        (
            nli.MNLI_MATCHED,
            'hypothesis',
            {
                'They own a tent.': 'yes',
                'He had been unhappy in the house.': CANNOT_TELL,
                'One of the proposals was accepted.': 'no',
            },
        ),
        (
            nli.QNLI,
            'question',
            {'What is the main ingredient of the soup?': 'yes', 'Who discovered the comet?': 'no'},
        ),
        (
            nli.RTE,
            'hypothesis',
            {'The swimming pool opened later than planned.': 'yes', 'The band recorded a new album in May.': 'no'},
        ),
        (
            nli.SNLI,
            'hypothesis',
            {
                'An animal is jumping.': 'yes',
                'The dog is chasing a squirrel.': CANNOT_TELL,
                'The dog is sleeping under a table.': 'no',
            },
        ),
        (nli.WNLI, 'statement', {'The jug was empty.': 'yes', 'The bowl was empty.': 'no'}),
    ],
    ids=lambda value: getattr(value, 'name', ''),
)
def test_labels_are_read_in_the_order_of_the_builder(dataset, field, answers, samples_dir):
    found = {ex.fields[field]: ex.answer for ex in rendered_examples(dataset, 'test', samples_dir)}
    assert answers.items() <= found.items()


def test_cb_macro_f1_of_right_answers_is_not_zero(samples_dir):
    examples = list(rendered_examples(nli.CB, 'test', samples_dir))
    judgements = [Judgement(ex.answer, ex.references, ex.choices) for ex in examples]
    assert macro_f1(judgements)['macro_f1'] == 100


@by_name
def test_no_letter_is_glued_to_a_field(dataset):
    for template in dataset.templates:
        assert not re.search(r'\w\{|\}\w', template.inputs + template.targets)


@by_name
def test_no_prompt_has_a_stray_full_stop(dataset, samples_dir):
    for ex in rendered_examples(dataset, 'test', samples_dir):
        for inputs, _ in ex.prompts:
            assert not re.search(r'(^|\s)\.(\s|$)|[^.]\.\.[^.]|[?!]\.', inputs)


def test_snli_asks_whether_the_hypothesis_is_true_given_the_premise():
    """Left and right of each arrow stand the words by which a template introduces what is given and what is asked."""
    introductions = (
        'Premise: P -> Hypothesis: H',
        'A photo shows the following: P -> Is this statement about the photo true? H',
        'Caption: P -> Statement: H',
        'P\n\nThat is all we know about a picture. -> Is it true to say this about it?\n\nH',
        'Scene: P -> Is the following sentence true in this scene?\nH',
        'Use only this description to decide: P -> H\n\nIs that true?',
        'Sentence 1: P -> Sentence 2: H',
        'a friend describes it to you: P -> is the following true of the photo?\n\nH',
    )
    ex = {'premise': tf.constant('P'), 'hypothesis': tf.constant('H'), 'label': tf.constant(0, tf.int64)}
    values = read_values(nli.SNLI, ex)
    for template, introduction in zip(nli.SNLI.forward_templates.values(), introductions, strict=True):
        inputs = render(template, values)[0].numpy().decode()
        assert all(part in inputs for part in introduction.split(' -> ')), inputs


def test_snli_examples_without_a_label_are_dropped(samples_dir):
    hypotheses = {ex.fields['hypothesis'] for ex in rendered_examples(nli.SNLI, 'test', samples_dir)}
    assert len(hypotheses) == 6 and 'The boy is hungry.' not in hypotheses
    assert not nli.SNLI.keep.test({'label': tf.constant(-1, tf.int64)})


def test_three_way_templates_ask_what_is_true_and_not_what_follows():
    """With three labels "no" is a contradiction; asked whether something follows, it would be right for neutral too."""
    entailment = re.compile(r'\b(entails?|follows? from|conclu\w+|infer|implied|implies|imply|supports?|must)\b')
    asked = {d.name: any(entailment.search(t.inputs) for t in d.forward_templates.values()) for d in nli.DATASETS}
    three_way = [d.name for d in nli.DATASETS if len(d.answer.options) == 3]
    assert len(three_way) == 7 and not any(asked[name] for name in three_way)
    assert asked['rte'] and asked['wnli']


def test_both_mnli_tasks_train_on_the_same_examples_and_report_different_ones(samples_dir):
    matched, mismatched = (source.split_slices(d, samples_dir) for d in (nli.MNLI_MATCHED, nli.MNLI_MISMATCHED))
    assert matched['train'] == mismatched['train'] and matched['validation'] == mismatched['validation']
    assert [matched['test'].split, mismatched['test'].split] == ['validation_matched', 'validation_mismatched']


@pytest.mark.parametrize(
    ('raw', 'plain'),
    [
        ('A title<br>The text .', 'A title\nThe text.'),
        ("``Is n't it late ?'' said the girl 's father .", '"Isn\'t it late?" said the girl\'s father.'),
        ('<nowiki>Callin\' Home</nowiki> sold well.<ref name="x"> </ref> ', "Callin' Home sold well."),
        ('It rained .  Cats &amp; dogs\xa0slept.[citation needed]', 'It rained. Cats & dogs slept.'),
        ('He was . . . late, said "the boss" and "the staff".', 'He was ... late, said "the boss" and "the staff".'),
        ('The .22 rifle of St. Anne, at 3.5 kg', 'The .22 rifle of St. Anne, at 3.5 kg'),
    ],
)
def test_text_is_freed_of_mark_up_and_tokenized_punctuation(raw, plain):
    assert cleaned(raw) == plain
