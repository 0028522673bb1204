"""Prompts of promptsource stand beside our templates, and ours are written in its format."""

import jinja2
import pytest
import tensorflow_datasets as tfds

from flan_jax import catalogue
from flan_jax.catalogue import promptsource
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.prepared_source import PreparedSource, keep_usable
from flan_jax.data.preview import rendered_examples
from flan_jax.data.promptsource import add_prompts, columns_of, prompts_of, row_of
from flan_jax.data.rendering import read_values
from flan_jax.data.seqio_tasks import rank_task, training_task
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary

COPA = r"""
dataset: super_glue
subset: copa
templates:
  1: !Template
    answer_choices: null
    jinja: '{% if question == "cause" %}{{ premise }} Why, {{ [choice1, choice2] | join(" | ") }}? |||
      {{ [choice1, choice2][label] }}{% endif %}'
    metadata: !TemplateMetadata {original_task: true, choices_in_prompt: true}
    name: why
    reference: ''
  2: !Template
    answer_choices: '{{ choice1 }} ||| {{ choice2 }}'
    jinja: "{{ premise }}\n{{ answer_choices[0] }}?\n ||| {{ answer_choices[label] }}"
    metadata: !TemplateMetadata {original_task: true}
    name: first
    reference: ''
  3: !Template
    answer_choices: null
    jinja: '{{ choice1 }} ||| {{ premise }}'
    metadata: !TemplateMetadata {original_task: false}
    name: the other way round
    reference: ''
"""


@pytest.fixture
def added(tmp_path, samples_dir, monkeypatch):
    monkeypatch.setattr(catalogue, 'DATASETS', dict(catalogue.DATASETS))
    (tmp_path / 'templates.yaml').write_text(COPA)
    add_prompts([str(tmp_path / 'templates.yaml')], samples_dir)


def rows(dataset, data_dir, split='train'):
    """The rows that TFDS has, for a naive rendering."""
    examples = PreparedSource(dataset, data_dir).get_dataset(split, shuffle=False)
    return list(tfds.as_numpy(keep_usable(examples, dataset)))


@pytest.mark.parametrize('name', ['rte', 'copa', 'multirc', 'wmt16_translate_deen', 'squad_v2', 'bool_q', 'record'])
def test_our_templates_come_back_from_its_format(name, samples_dir, tmp_path):
    dataset = catalogue.dataset(name)
    (tmp_path / 'templates.yaml').write_text(promptsource.write(dataset))
    called, templates = promptsource.read(str(tmp_path / 'templates.yaml'))
    assert called == dataset.source_name and len(templates) == len(dataset.templates)
    unseen = rendered_examples(dataset, 'train', samples_dir, 2)
    examples = PreparedSource(dataset, samples_dir).get_dataset('train', shuffle=False)
    for ex, example in zip(unseen, keep_usable(examples, dataset)):
        values = tfds.as_numpy({'fields': read_values(dataset, example), 'row': columns_of(example)})
        for ours, template, prompt in zip(dataset.templates, templates, ex.prompts):
            rendered = template.render(row_of(template, dataset, values))
            assert rendered == (*prompt, list(ex.choices)) and template.original_task != ours.inverted


def test_every_template_of_the_catalogue_is_sound_in_its_format():
    for dataset in catalogue.DATASETS.values():
        for index in range(len(dataset.templates)):
            jinja2.Environment().parse(promptsource.from_ours(dataset, index).jinja)


def test_prompts_are_datasets_beside_ours(added, samples_dir):
    copa = catalogue.dataset('copa')
    assert [name for name in catalogue.DATASETS if name.startswith('copa')] == [
        'copa', 'copa_promptsource_0', 'copa_promptsource_1'
    ]  # fmt: skip
    assert all(dataset.cluster is copa.cluster for dataset in catalogue.datasets_in('commonsense'))
    why, first = (catalogue.dataset(f'copa_promptsource_{number}') for number in (0, 1))
    found = [ex.prompts for ex in rendered_examples(why, 'train', samples_dir)]
    expected = []
    for row in rows(copa, samples_dir):
        choices = [row[name].decode() for name in ('choice1', 'choice2')]
        if row['question'] == b'cause':
            prompt = f'{row["premise"].decode()} Why, {choices[0]} | {choices[1]}?'
            expected.append(((prompt, choices[row['label']]),))
    assert found == expected and expected and len(expected) < len(rows(copa, samples_dir))
    assert first.has_options and not why.has_options


def test_the_same_file_again_changes_nothing_and_a_second_file_is_refused(added, samples_dir, tmp_path):
    names = list(catalogue.DATASETS)
    add_prompts([str(tmp_path / 'templates.yaml')], samples_dir)
    assert list(catalogue.DATASETS) == names
    (tmp_path / 'mine.yaml').write_text(COPA.replace('Why,', 'Why:'))
    with pytest.raises(UserError, match='a second file for super_glue/copa'):
        add_prompts([str(tmp_path / 'mine.yaml')], samples_dir)


def test_every_dataset_takes_prompts():
    for dataset in catalogue.DATASETS.values():
        templates = [promptsource.from_ours(dataset, index) for index in range(len(dataset.templates))]
        assert len(list(prompts_of(dataset, templates))) == len(dataset.forward_templates)


def test_its_options_are_scored_and_its_prompts_are_tuned_on(added, samples_dir):
    first = catalogue.dataset('copa_promptsource_1')
    options = rank_task(first, 0, Vocabulary(), samples_dir)
    read = list(read_examples(options, None, split='test', shuffle=False).as_numpy_iterator())
    for row, pair in zip(rows(catalogue.dataset('copa'), samples_dir, 'test'), zip(read[::2], read[1::2]), strict=True):
        assert [option['targets_pretokenized'] for option in pair] == [row['choice1'], row['choice2']]
        assert [bool(option['is_correct']) for option in pair] == [row['label'] == 0, row['label'] == 1]
    task = training_task(first, Vocabulary(), samples_dir)
    example = next(read_examples(task, None, split='train', seed=0).as_numpy_iterator())
    prompts = [row['premise'] + b'\n' + row['choice1'] + b'?' for row in rows(catalogue.dataset('copa'), samples_dir)]
    assert example['inputs_pretokenized'] in prompts


def test_another_wording_is_another_prompt_wherever_prompts_are_distinguished(tmp_path):
    made = []
    for text in (COPA, COPA.replace('Why,', 'Why:'), COPA.replace('{{ choice1 }} |||', '{{ choice1 }}. |||')):
        (tmp_path / 'templates.yaml').write_text(text)
        _, templates = promptsource.read(str(tmp_path / 'templates.yaml'))
        made.append([dataset.templates for dataset in prompts_of(catalogue.dataset('copa'), templates)])
    assert made[0][0] != made[1][0] and made[0][1] == made[1][1] != made[2][1]


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (('{{ premise }} Why', '{{ premises }} Why'), "template 'why': 'premises' is undefined; a row has .*premise"),
        (('{% if question', '{% iff question'), "unknown tag 'iff'"),
        (('{{ premise }} Why', '{{ premise.__class__.__mro__ }} Why'), "attribute '__class__' .* is unsafe"),
        (('subset: copa', 'subset: cope'), 'is for super_glue/cope, which is not in the catalogue'),
        (
            ('name: why', 'name: !!python/object/apply:os.getcwd []'),
            'cannot be read as a templates.yaml of promptsource',
        ),
        (('original_task: true', 'original_task: false'), 'no prompt in .* is for the task of super_glue/copa'),
    ],
)
def test_what_does_not_fit_is_refused(change, message, tmp_path, samples_dir):
    (tmp_path / 'templates.yaml').write_text(COPA.replace(*change))
    with pytest.raises(UserError, match=message):
        add_prompts([str(tmp_path / 'templates.yaml')], samples_dir)
