"""Closed-book QA: defects of the original that must not come back, and how the right answer is found."""

import pytest
import tensorflow as tf

from flan_jax.data import rendering, source
from flan_jax.data.preview import rendered_examples
from flan_jax.tasks.closed_book_qa import ARC_CHALLENGE, ARC_EASY, DATASETS, NATURAL_QUESTIONS, TRIVIA_QA

by_name = pytest.mark.parametrize('dataset', DATASETS, ids=lambda dataset: dataset.name)
arc = pytest.mark.parametrize('dataset', [ARC_EASY, ARC_CHALLENGE], ids=lambda dataset: dataset.name)


def arc_values(texts, labels, key):
    choices = {'text': tf.constant(texts), 'label': tf.constant(labels, tf.int64)}
    ex = {'question': tf.constant('Which one?'), 'choices': choices, 'answerKey': tf.constant(key, tf.int64)}
    return rendering.read_values(ARC_EASY, ex)


def question_of(dataset, question):
    answer = tf.constant(['x']) if dataset is NATURAL_QUESTIONS else {'value': 'x', 'aliases': tf.constant(['x'])}
    return rendering.read_values(dataset, {'question': tf.constant(question), 'answer': answer})['question']


@arc
def test_arc_loses_no_example_for_its_number_of_options(dataset, samples_dir):
    sizes = []
    for split, examples in source.split_slices(dataset, samples_dir).items():
        rendered = list(rendered_examples(dataset, split, samples_dir))
        assert len(rendered) == len(examples)
        sizes += [len(ex.choices) for ex in rendered]
    assert {3, 4, 5} == set(sizes)


@pytest.mark.parametrize(
    'labels, key, answer',
    [
        ([0, 1, 2, 3], 2, b'c'),
        ([3, 2, 1, 0], 0, b'd'),
        ([1, 2, 3, 4], 1, b'a'),  # options numbered from 1 rather than lettered
    ],
)
def test_arc_key_is_matched_against_the_labels(labels, key, answer):
    assert arc_values(['a', 'b', 'c', 'd'], labels, key)['answer'] == answer


def test_arc_equal_options_leave_one_right():
    values = arc_values(['heat', 'light', 'heat'], [0, 1, 2], 2)
    assert values['right'].numpy().tolist() == [False, False, True]


@pytest.mark.parametrize(
    'dataset, question, answer',
    [
        (ARC_EASY, 'Which planet is closest to the Sun?', 'Mercury'),
        (ARC_EASY, 'Which of these animals has a backbone?', 'a frog'),
        (ARC_CHALLENGE, 'Which of these rocks forms from lava that cools?', 'basalt'),
    ],
)
def test_arc_answers_are_right(dataset, question, answer, samples_dir):
    examples = [ex for split in ('train', 'validation') for ex in rendered_examples(dataset, split, samples_dir)]
    assert [ex.answer for ex in examples if ex.fields['question'] == question] == [answer]


@pytest.mark.parametrize('dataset', [NATURAL_QUESTIONS, TRIVIA_QA], ids=lambda dataset: dataset.name)
@pytest.mark.parametrize(
    'raw, question',
    [
        ('who sang it first', b'who sang it first?'),
        ('Who sang it first?', b'Who sang it first?'),
        ('Who sang it first ?? ', b'Who sang it first?'),
        ('Name the singer.', b'Name the singer.'),
        ('Who sang "Hello"', b'Who sang "Hello"?'),
        ('Who said "Is it I?"', b'Who said "Is it I?"'),
        ('who founded the who (the band)', b'who founded the who (the band)?'),
    ],
)
def test_questions_get_one_question_mark(dataset, raw, question):
    assert question_of(dataset, raw) == question


@by_name
def test_templates_add_no_question_mark_to_the_question(dataset):
    assert not any('{question}?' in template.inputs + template.targets for template in dataset.templates)


@by_name
def test_no_sample_prompt_doubles_the_question_mark(dataset, samples_dir):
    for ex in rendered_examples(dataset, 'test', samples_dir):
        assert not any('??' in inputs + targets for inputs, targets in ex.prompts)


def test_natural_questions_accepts_every_answer(samples_dir):
    examples = {ex.fields['question']: ex for ex in rendered_examples(NATURAL_QUESTIONS, 'test', samples_dir)}
    ex = examples['what is the money in japan called?']
    assert ex.answer == 'yen' and ex.references == ('yen', 'the yen', 'Japanese yen')


def test_trivia_qa_accepts_the_answer_and_every_alias_once(samples_dir):
    examples = {ex.fields['question']: ex for ex in rendered_examples(TRIVIA_QA, 'test', samples_dir)}
    ex = examples['Which Dutch artist painted "Girl with a Pearl Earring"?']
    assert ex.answer == 'Johannes Vermeer' and ex.references == ('Johannes Vermeer', 'Vermeer', 'Jan Vermeer')


def test_trivia_qa_reads_the_questions_that_the_paper_counted():
    assert TRIVIA_QA.source_name == 'trivia_qa/unfiltered.nocontext'
