"""Reading comprehension: defects of the original code that must not come back, and label orders."""

import collections

import pytest
import tensorflow as tf

from flan_jax.data import rendering
from flan_jax.data.preview import rendered_examples
from flan_jax.tasks import reading_comprehension as tasks


def texts(tensor):
    return [text.decode() for text in tensor.numpy()]


def answers(dataset, samples_dir, field):
    """Each sample example's answer by the text of a field."""
    splits = ('train', 'validation', 'test')
    return {r.fields[field]: r.answer for split in splits for r in rendered_examples(dataset, split, samples_dir)}


def drop_example(answer, validated=()):
    return {
        'passage': tf.constant('The war began on 4 May.'),
        'question': tf.constant('When did it begin?'),
        'answer': tf.constant(answer),
        'validated_answers': tf.constant(list(validated), tf.string),
    }


def openbookqa_example(choices, key, fact=''):
    question = {'stem': 'Roots are mostly found in the'} | {f'choice_{c}': text for c, text in zip('ABCD', choices)}
    return {
        'question': {name: tf.constant(text) for name, text in question.items()},
        'answerKey': tf.constant(key, tf.int64),
        'fact1': tf.constant(fact),
    }


def test_bool_q_false_is_no_and_true_is_yes(samples_dir):
    answer = answers(tasks.BOOL_Q, samples_dir, 'query')
    assert answer['can penguins fly in the air'] == 'no'
    assert answer['was the year 2000 a leap year'] == 'yes'


@pytest.mark.parametrize('query', ['is bamboo a grass', 'is bamboo a grass?', 'is bamboo a grass ? '])
def test_bool_q_questions_end_with_one_question_mark(query):
    ex = {
        'passage': tf.constant('Bamboos are grasses.'),
        'question': tf.constant(query),
        'title': tf.constant('Bamboo'),
        'answer': tf.constant(True),
    }
    values = rendering.read_values(tasks.BOOL_Q, ex)
    assert values['question'] == 'Is bamboo a grass?'
    for template in tasks.BOOL_Q.templates:
        assert b'??' not in rendering.render(template, values)[0].numpy()


def test_drop_references_are_the_answer_and_the_validated_answers():
    values = rendering.read_values(tasks.DROP, drop_example(' 1945', ['in 1945', '', '1945 ']))
    assert values['answer'] == '1945'
    assert texts(values['references']) == ['1945', 'in 1945', '1945']


@pytest.mark.parametrize(
    ('written', 'plain'),
    [('1924-May-4', '4 May 1924'), ('-May-4', '4 May'), ('11-yard and 17-yard', '11-yard and 17-yard'), ('3-4', '3-4')],
)
def test_drop_dates_are_written_as_in_a_text(written, plain):
    assert rendering.read_values(tasks.DROP, drop_example(written))['answer'] == plain


def test_drop_examples_without_an_answer_are_dropped():
    assert not tasks.DROP.keep.test(drop_example('', ['4 May']))
    assert tasks.DROP.keep.test(drop_example('4 May'))


def test_multirc_true_is_yes_and_false_is_no(samples_dir):
    answer = answers(tasks.MULTIRC, samples_dir, 'candidate')
    assert answer['Dead leaves'] == 'yes'
    assert answer['The roots of plants'] == 'no'


def test_multirc_groups_hold_the_answers_to_one_question(samples_dir):
    questions = collections.defaultdict(set)
    for ex in rendered_examples(tasks.MULTIRC, 'test', samples_dir):
        questions[ex.group].add(ex.fields['question'])
    assert len(questions) == 3 and all(len(group) == 1 for group in questions.values())


def test_multirc_question_numbers_of_two_paragraphs_are_kept_apart():
    keys = {(1, 12), (11, 2), (1, 2)}
    groups = {
        tasks.MULTIRC.group({'idx': {'paragraph': tf.constant(p), 'question': tf.constant(q)}}).numpy() for p, q in keys
    }
    assert len(groups) == len(keys)


def test_openbookqa_the_key_picks_the_option():
    values = rendering.read_values(tasks.OPENBOOKQA, openbookqa_example(('sky', 'sea', 'air', 'soil'), 3))
    assert values['answer'] == 'soil'
    assert texts(values['choices']) == ['sky', 'sea', 'air', 'soil']


def test_openbookqa_equal_options_leave_one_right():
    values = rendering.read_values(tasks.OPENBOOKQA, openbookqa_example(('soil', 'sky', 'soil', 'sea'), 2))
    assert values['right'].numpy().tolist() == [False, False, True, False]


def test_openbookqa_shows_the_fact_on_a_line_of_its_own_where_there_is_one():
    choices = ('sky', 'sea', 'air', 'soil')
    with_fact = rendering.read_values(tasks.OPENBOOKQA, openbookqa_example(choices, 3, 'roots grow in soil'))
    without = rendering.read_values(tasks.OPENBOOKQA, openbookqa_example(choices, 3))
    for template in tasks.OPENBOOKQA.forward_templates.values():
        shown = rendering.render(template, with_fact)[0].numpy().decode()
        lines = shown.splitlines(keepends=True)
        fact = [line for line in lines if 'roots grow in soil' in line]
        assert fact in (['Fact: roots grow in soil\n'], ['Remember: roots grow in soil\n'])
        assert shown.replace(fact[0], '') == rendering.render(template, without)[0].numpy().decode()


@pytest.mark.parametrize('dataset', [tasks.SQUAD_V1, tasks.SQUAD_V2], ids=lambda dataset: dataset.name)
def test_squad_titles_have_blanks_for_underscores(dataset, samples_dir):
    titles = {ex.fields['title'] for ex in rendered_examples(dataset, 'test', samples_dir)}
    assert 'Larkfield Orchestra' in titles


def test_squad_v1_references_are_all_answers_and_the_first_is_learned(samples_dir):
    examples = {ex.fields['question']: ex for ex in rendered_examples(tasks.SQUAD_V1, 'test', samples_dir)}
    ex = examples['Where did the orchestra play at first?']
    assert ex.answer == 'in a barn'
    assert ex.references == ('in a barn', 'a barn', 'barn')


def test_squad_v2_questions_without_an_answer_are_unanswerable(samples_dir):
    examples = {ex.fields['question']: ex for ex in rendered_examples(tasks.SQUAD_V2, 'test', samples_dir)}
    assert examples['Who invented the sundial?'].references == ('unanswerable',)
    assert examples['What does the shadow on a sundial show?'].references == ('the time of day', 'time of day')


def test_squad_v2_templates_say_that_a_question_may_be_unanswerable():
    assert all('"unanswerable"' in template.inputs for template in tasks.SQUAD_V2.forward_templates.values())
