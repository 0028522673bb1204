"""Reading comprehension with commonsense: defects of the original code that must not come back, and label orders."""

import tensorflow as tf

from flan_jax.data import rendering
from flan_jax.data.preview import rendered_examples
from flan_jax.tasks import reading_comprehension_with_commonsense as tasks

PASSAGE = (
    'The band Oakwell plays in Bergen tonight. Singer Ida Lund has a cold.\n@highlight\nOakwell plays in Bergen'
    '\n@highlight\nIda Lund may not sing'
)


def texts(tensor):
    return [text.decode() for text in tensor.numpy()]


def record_example(answers, query='Doctors told @placeholder to rest her voice.'):
    return {
        'passage': tf.constant(PASSAGE),
        'query': tf.constant(query),
        'entities': tf.constant(['Bergen', 'Ida Lund', 'Lund', 'Oakwell', 'Ida Lund']),
        'answers': tf.constant(list(answers), tf.string),
    }


def test_cosmos_qa_the_label_counts_from_zero(samples_dir):
    examples = rendered_examples(tasks.COSMOS_QA, 'test', samples_dir)
    answers = {ex.fields['question']: ex.answer for ex in examples}
    assert answers['What would help me?'] == 'A blind for the window.'
    assert answers['What happened to the tomato plants?'] == 'The snail ate most of them.'


def test_cosmos_qa_texts_are_untokenized():
    text = "I could n't say , or did I ( well ... ) ? It was 5 - 4 , I ' ve heard , and the site 's name was .org ."
    plain = "I couldn't say, or did I (well...)? It was 5 - 4, I've heard, and the site's name was .org."
    assert rendering.read_field(tasks.COSMOS_QA.fields['context'], {'context': tf.constant(text)}) == plain


def test_record_keeps_the_text_after_the_highlight_marks():
    values = rendering.read_values(tasks.RECORD, record_example(['Ida Lund']))
    assert values['passage'] == (
        'The band Oakwell plays in Bergen tonight. Singer Ida Lund has a cold.\n* Oakwell plays in Bergen'
        '\n* Ida Lund may not sing'
    )


def test_record_options_are_bare_names_each_once():
    values = rendering.read_values(tasks.RECORD, record_example(['Ida Lund']))
    assert texts(values['choices']) == ['Bergen', 'Ida Lund', 'Lund', 'Oakwell']


def test_record_every_right_name_is_right():
    values = rendering.read_values(tasks.RECORD, record_example(['Lund', 'Ida Lund']))
    assert values['right'].numpy().tolist() == [False, True, True, False]
    assert texts(values['references']) == ['Ida Lund', 'Lund']
    assert values['answer'] == 'Ida Lund'


def test_record_every_prompt_has_the_whole_query():
    values = rendering.read_values(tasks.RECORD, record_example(['Ida Lund']))
    for template in tasks.RECORD.forward_templates.values():
        inputs = rendering.render(template, values)[0].numpy().decode()
        assert 'Doctors told ____ to rest her voice.' in inputs
        assert '@' not in inputs


def test_record_sentence_is_completed_with_the_name():
    (completed,) = (t for t in tasks.RECORD.templates if t.targets == '{before_gap}{answer}{after_gap}')
    for query in ('Doctors told @placeholder to rest her voice.', '@placeholder has a cold', 'Get well, @placeholder'):
        values = rendering.read_values(tasks.RECORD, record_example(['Ida Lund'], query))
        assert rendering.render(completed, values)[1] == query.replace('@placeholder', 'Ida Lund')


def test_record_examples_without_a_right_name_are_dropped():
    assert tasks.RECORD.keep.test(record_example(['Lund']))
    assert not tasks.RECORD.keep.test(record_example([]))
    assert not tasks.RECORD.keep.test(record_example(['Oslo']))
