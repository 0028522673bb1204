import pytest
import tensorflow as tf

from flan_jax.data import rendering
from flan_jax.data.preview import rendered_examples
from flan_jax.tasks import struct_to_text
from flan_jax.tasks.struct_to_text import COMMON_GEN, DART, E2E_NLG, WEB_NLG_EN

by_dataset = pytest.mark.parametrize('dataset', struct_to_text.DATASETS, ids=lambda dataset: dataset.name)


def make_example(target='Some text.', references=(), **features):
    features |= {'target': target, 'references': list(references)}
    return {name: tf.constant(value, tf.string) for name, value in features.items()}


def field(dataset, name, ex):
    return rendering.read_values(dataset, ex)[name].numpy().decode()


def references(ex):
    return [text.decode() for text in rendering.read_values(COMMON_GEN, ex)['references'].numpy()]


def test_dart_table_marks_are_removed_from_the_facts():
    facts = ['[TABLECONTEXT] [TITLE] Nile Air (fleet)', '[TABLECONTEXT] JET_TYPE A320', 'A320 SEATS_(MAX) "180"']
    expected = 'TABLE TITLE Nile Air (fleet)\nJET TYPE A320\nA320 SEATS (MAX) 180'
    assert field(DART, 'facts', make_example(tripleset=facts)) == expected


def test_dart_table_marks_appear_in_no_rendering(samples_dir):
    examples = list(rendered_examples(DART, 'train', samples_dir))
    assert any('TABLE TITLE' in ex.fields['facts'] for ex in examples)
    for inputs, targets in (prompt for ex in examples for prompt in ex.prompts):
        assert 'TABLECONTEXT' not in inputs + targets and '[TITLE]' not in inputs + targets


def test_dart_records_without_a_sentence_are_left_out():
    assert not DART.keep.test(make_example(target=' ')).numpy()
    assert DART.keep.test(make_example(target='Oslo is in Norway.')).numpy()


def test_e2e_brackets_become_readable_attributes():
    ex = make_example(meaning_representation='name[The Eagle], eatType[pub], priceRange[£20-25], familyFriendly[yes]')
    assert field(E2E_NLG, 'attributes', ex) == 'name: The Eagle; type: pub; price range: £20-25; family friendly: yes'


def test_web_nlg_triples_become_readable_facts():
    ex = make_example(
        input=[
            'Alan_Bean | birthPlace | "Wheeler, Texas"',
            'Nature_(journal) | ISSN_number | "0028-0836"',
            'Lima_Airport | 1st_runway_LengthFeet | 11506',
        ]
    )
    assert field(WEB_NLG_EN, 'facts', ex).splitlines() == [
        'Alan Bean - birth place - Wheeler, Texas',
        'Nature (journal) - ISSN number - 0028-0836',
        'Lima Airport - 1st runway length feet - 11506',
    ]


@by_dataset
def test_templates_that_show_data_ask_for_the_text_and_the_reverse(dataset, samples_dir):
    data_field = next(iter(dataset.fields))
    for ex in rendered_examples(dataset, 'test', samples_dir):
        data = ex.fields[data_field]
        for template, (inputs, targets) in zip(dataset.templates, ex.prompts):
            shown, wanted = (ex.answer, data) if template.inverted else (data, ex.answer)
            assert shown in inputs and targets == wanted and wanted not in inputs


def test_references_are_the_target_and_all_others_once():
    ex = make_example('One  text.', ['One text.', 'Another text.', ''], concepts=['one'])
    assert references(ex) == ['One text.', 'Another text.']


def test_training_examples_have_the_target_as_their_reference():
    assert references(make_example('One text.', concepts=['one'])) == ['One text.']


def test_common_gen_shows_all_concepts_and_how_many_they_are():
    ex = make_example(concepts=['dog', 'catch', 'ball'])
    assert field(COMMON_GEN, 'concepts', ex) == 'dog, catch, ball'
    assert field(COMMON_GEN, 'number', ex) == '3'
