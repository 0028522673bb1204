"""Every dataset, on every example of its samples and of the real data that is present."""

import dataclasses
import difflib
import itertools
import re

import pytest

from flan_jax import catalogue
from flan_jax.catalogue.forms import points_at_options
from flan_jax.data import prepare, rendering, source
from flan_jax.data.prepared_source import PreparedSource, keep_usable
from flan_jax.data.preview import rendered_examples, rendered_from
from flan_jax.data.verify import problems_of, verify

DATASETS = list(catalogue.DATASETS.values())
REAL_EXAMPLES = 40

ROLE_PLAY = re.compile(
    r'\b(?:you are|you (?:work|write|present|moderate|overhear|received|cannot see)|I (?:am|run|work|have|want)|my|'
    r'(?:a|your|my) (?:friend|colleague|student|teacher|child)|someone (?:typed|wants|whose)|imagine)\b',
    re.IGNORECASE,
)
DATED = re.compile(
    r'\b(?:pupils?|somebody|whom|blackboard|telegraph|smudged|heaps?|shall|film|cutting)\b', re.IGNORECASE
)

by_name = pytest.mark.parametrize('dataset', DATASETS, ids=lambda dataset: dataset.name)


def check_examples(dataset, data_dir, limit):
    verified = verify(dataset, data_dir, limit)
    assert verified.examples and not verified.problems


@by_name
def test_samples_render(dataset, samples_dir):
    check_examples(dataset, samples_dir, limit=-1)


@by_name
def test_real_examples_render(dataset, real_data_dir):
    try:
        source.prepared_builder(dataset.source, real_data_dir)
    except source.MissingDataError:
        pytest.skip(f'{dataset.source} is not among the real data')
    check_examples(dataset, real_data_dir, limit=REAL_EXAMPLES)


@by_name
def test_samples_fill_every_split(dataset, samples_dir):
    assert prepare.sample_files(dataset), f'no bundled samples in tasks/samples/{dataset.source_name}'
    slices = source.split_slices(dataset, samples_dir)
    minimum = {
        'train': 8 if dataset.splits.train else 0,
        'validation': 4 if dataset.splits.validation else 0,
        'test': 4,
    }
    assert {split: len(slices.get(split, ())) >= examples for split, examples in minimum.items()} == dict.fromkeys(
        minimum, True
    )


@by_name
def test_sample_options_are_balanced(dataset, samples_dir):
    if not dataset.has_options:
        pytest.skip('free text has no options')
    samples = PreparedSource(dataset, samples_dir)
    marks = [ex.right for ex in rendered_from(samples, '+'.join(samples.splits))]
    right = [of_example.index(True) for of_example in marks]
    share = 1 / len(marks[0])
    for index in range(min(map(len, marks))):
        assert right.count(index) / len(marks) >= share / 2, f'option {index} is right in too few sample examples'


@by_name
def test_templates_differ_in_more_than_a_word(dataset):
    assert len(dataset.templates) == 10
    assert sum(template.inverted for template in dataset.templates) <= 3
    for a, b in itertools.combinations(dataset.templates, 2):
        ratio = difflib.SequenceMatcher(None, a.inputs.split(), b.inputs.split(), autojunk=False).ratio()
        assert ratio < 0.8, f'these two are nearly the same:\n{a.inputs}\n{b.inputs}'


def own_words(template):
    """A template's inputs without its placeholders."""
    return re.sub(r'\{\w+\}', '_', template.inputs)


@by_name
def test_templates_that_are_also_used_without_options_do_not_point_at_them(dataset):
    if dataset.has_options:
        pointing = [t.inputs for t in dataset.forward_templates.values() if points_at_options(t)]
        assert not pointing


@by_name
def test_inverted_templates_quote_no_label(dataset):
    """A label is an answer to a question that an inverted template does not ask; `revealing` fields put it in words."""
    if dataset.has_options and isinstance(dataset.answer.options, tuple):
        shown = [t.inputs for t in dataset.templates if t.inverted and '{answer}' in t.inputs]
        assert not [inputs for inputs in shown if re.search(r'["“\']\{answer\}|\{answer\}["”\']', inputs)]
        assert not shown or not {'yes', 'no'} & set(dataset.answer.options) or dataset.name == 'bool_q'


@by_name
def test_at_most_one_template_is_a_role_play_and_none_sounds_dated(dataset):
    texts = [own_words(template) for template in dataset.templates]
    assert len([text for text in texts if ROLE_PLAY.search(text)]) <= 1
    assert not [text for text in texts if DATED.search(text)]


@by_name
def test_the_first_templates_are_of_every_kind(dataset):
    """So that with three templates or more nothing is lost but wordings, and with one there is one to evaluate."""
    kinds = [(template.inverted, template.variant) for template in dataset.templates]
    assert not dataset.templates[0].inverted and set(kinds[:3]) == set(kinds)
    assert {variant for inverted, variant in kinds[:2] if not inverted} == {v for inverted, v in kinds if not inverted}


class Watched(dict):
    """An example that notes which of its features are read."""

    def __init__(self, values, read, path=''):
        super().__init__(values)
        self.read, self.path = read, path

    def __getitem__(self, name):
        value = super().__getitem__(name)
        if isinstance(value, dict):
            return Watched(value, self.read, f'{self.path}{name}/')
        self.read.add(self.path + name)
        return value


@by_name
def test_fields_that_depend_on_the_label_are_declared_as_revealing(dataset, samples_dir):
    if not dataset.has_options:
        pytest.skip('free text has no label')
    ex = next(iter(keep_usable(PreparedSource(dataset, samples_dir).get_dataset('test', shuffle=False), dataset)))

    def features_read(*fields):
        read = set()
        for field in fields:
            rendering.read_field(field, Watched(ex, read))
        return read

    options = () if isinstance(dataset.answer.options, tuple) else (dataset.answer.options,)
    label = features_read(dataset.answer.label) - features_read(*options)
    assert label
    telling = {name for name, field in dataset.fields.items() if features_read(field) & label}
    assert telling == set(dataset.revealing)


@pytest.fixture(scope='module')
def of_rte(samples_dir):
    (ex,) = rendered_examples(catalogue.dataset('rte'), 'test', samples_dir, limit=1)
    return ex


@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        ({'answer': ' '}, 'the answer is empty'),
        ({'references': ('',)}, 'a reference is missing or empty'),
        ({'choices': ('yes',), 'right': (True,)}, 'fewer than two options'),
        ({'choices': ('yes', 'yes'), 'right': (True, False)}, 'not among the options exactly once'),
        ({'right': (False, True)}, 'not the correct options'),
        ({'answer': 'no'}, 'not the first correct option'),
        ({'prompts': (('', 'yes'),) * 10}, 'template 0: inputs or targets are empty'),
        ({'prompts': (('Premise {premise}\n- yes\n- no', 'yes'),) * 10}, 'template 0: a stray brace'),
        ({'prompts': (('What??\n- yes\n- no', 'yes'),) * 10}, 'template 0: a double question mark'),
        ({'prompts': (('So?\n- yes\n- no', 'no'),) * 10}, 'template 0: the targets do not equal the answer'),
        ({'prompts': (('So?\n- yes', 'yes'),) * 10}, 'template 0: an option is not shown'),
    ],
)
def test_what_is_wrong_with_an_example_is_found(changes, problem, of_rte):
    dataset = catalogue.dataset('rte')
    sound = {'answer': 'yes', 'references': ('yes',), 'choices': ('yes', 'no'), 'right': (True, False)}
    sound['prompts'] = (('So?\n- yes\n- no', 'yes'),) * 10
    sound = dataclasses.replace(of_rte, **sound)
    assert not list(problems_of(dataset, sound))
    assert any(problem in found for found in problems_of(dataset, dataclasses.replace(sound, **changes)))


def test_examples_lost_without_a_documented_filter_are_a_problem(samples_dir):
    verified = verify(catalogue.dataset('snli'), samples_dir)
    assert verified.dropped and not verified.problems
