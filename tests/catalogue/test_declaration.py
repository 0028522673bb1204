"""A wrong declaration is refused when it is made, with the names of what is wrong."""

import pytest

from flan_jax import catalogue
from flan_jax.catalogue.declaration import (
    Choice,
    Cluster,
    Dataset,
    DeclarationError,
    FreeText,
    Splits,
    Template,
    placeholders,
)
from flan_jax.catalogue.template_checks import check_templates
from flan_jax.errors import UserError

CLUSTER = Cluster(name='tests', title='Tests')


def declare(**changes):
    declaration = {
        'name': 'toy',
        'cluster': CLUSTER,
        'paper_name': '',
        'source': 'toy:1.0.0',
        'splits': Splits(),
        'fields': {'text': 'text'},
        'answer': Choice(options=('no', 'yes')),
        'templates': (Template('Is this so? {text}\n{options}'),),
        'metrics': ('accuracy',),
        'licence': '',
        'citation': '',
    }
    return Dataset(**declaration | changes)


def template(inputs, targets='{answer}', **kwargs):
    sound = Template('Is this so? {text}\n{options}')
    return {'templates': (Template(inputs, targets, **kwargs), sound)}


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        (template('{txet}\n{options}'), r"toy, template 0, inputs: unknown field 'txet'; the fields are .*text"),
        (template('{text} {\n{options}'), 'toy, template 0, inputs: stray brace'),
        (template('{text:>9}\n{options}'), 'stray brace'),
        (template('{text}'), r'toy, template 0: .*add \{options\}'),
        (template('{text} is {answer}\n{options}', '{text}'), "contains? the target field 'text'"),
        (template('{text} is {answer}\n{options}', '{options}', inverted=True), "target field 'options'"),
        (template('Write something.\n', '{text}', inverted=True), 'contain no field'),
        (template('{text}\n{options}', 'yes'), 'targets contain no field'),
        (
            {'templates': (Template('{text} {options}'), Template('{text}  {options}'))},
            'templates 0 and 1 are the same',
        ),
        (
            {'fields': ('text', 'label'), 'revealing': ('label',)} | template('{label}\n{options}'),
            "reveal the answer by 'label'",
        ),
        ({'revealing': ('txet',)}, "unknown field 'txet'"),
        ({'templates': ()}, 'at least one template'),
        ({'fields': {'answer': 'text'}}, "'answer' takes a reserved name"),
        ({'source': 'toy'}, 'with its version'),
        ({'name': 'Toy'}, 'lower-case'),
        ({'metrics': ()}, 'at least one metric'),
        ({'metrics': ('acc',)}, "toy: unknown metric 'acc'; known: accuracy"),
        (
            {'answer': FreeText(answer='word'), 'metrics': ('binary_f1',)},
            'toy: the metric binary_f1 judges two options',
        ),
        ({'answer': Choice(options='word'), 'metrics': ('macro_f1',)}, 'the metric macro_f1 judges several options'),
        ({'answer': Choice(options=('a', 'b', 'c')), 'metrics': ('multirc',)}, 'the metric multirc judges two options'),
    ],
)
def test_wrong_declarations_are_refused(changes, message):
    with pytest.raises(DeclarationError, match=message):
        check_templates(declare(**changes))


def test_turned_around_templates_are_not_evaluated():
    dataset = declare(
        answer=FreeText(answer='text'),
        fields={'word': 'word'},
        templates=(Template('Define {word}.'), Template('What does "{answer}" define?', '{word}', inverted=True)),
    )
    assert list(dataset.forward_templates) == [0]


def test_placeholders_are_found_in_order():
    assert placeholders('{b} and {a}, {{not this}} {b}') == ('b', 'a', 'b')


@pytest.mark.parametrize('module', ['no_such_module', 'no_such.module', 'json.tool.py'])
def test_a_module_that_is_not_there_is_named_with_what_to_do(module):
    with pytest.raises(UserError, match=f'module {module!r}: .*PYTHONPATH'):
        catalogue.declare([module])


def test_what_a_module_imports_and_is_not_there_is_its_own_error(tmp_path, monkeypatch):
    (tmp_path / 'module_of_a_user.py').write_text('import no_such_library')
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match='no_such_library'):
        catalogue.declare(['module_of_a_user'])
