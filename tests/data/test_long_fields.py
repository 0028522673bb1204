"""Nothing cut teaches a lie: instruction, question and options survive, and what is cut has no end."""

import re

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from flan_jax import catalogue
from flan_jax.catalogue.declaration import ANSWER, OPTIONS
from flan_jax.catalogue.forms import in_form
from flan_jax.data import rendering
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.plain import Plain
from flan_jax.data.long_fields import long_texts, marked, shortened, unmarked
from flan_jax.data.members import FORMS
from flan_jax.data.preview import rendered_examples
from flan_jax.data.seqio_tasks import generation_task, rank_task, training_task
from flan_jax.data.tokenize import FormatTokenizer
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests.data.test_formats import Dialogue

FORMATS = [Flan(), Plain(), Dialogue()]
WITH_LONG_FIELDS = [name for name, dataset in catalogue.DATASETS.items() if dataset.long_fields]


@pytest.fixture(scope='module')
def vocabulary():
    return Vocabulary()


def values_of(ex):
    values = ex.fields | {ANSWER: ex.answer}
    return values | ({OPTIONS: 'OPTIONS:' + ''.join(f'\n- {choice}' for choice in ex.choices)} if ex.choices else {})


def naive_prompts(dataset, template, ex):
    """The inputs with one word of each long field, with two, and so on to all of them."""
    words = {name: re.findall(r'\s*\S{1,40}|\s+$', ex.fields[name]) for name in dataset.long_fields}
    for count in range(1, 1 + max(map(len, words.values()))):
        kept = {name: ''.join(of_field[:count]) for name, of_field in words.items()}
        yield template.inputs.format(**values_of(ex) | kept).strip()


@pytest.mark.parametrize('name', WITH_LONG_FIELDS)
def test_prompts_that_fit_are_unchanged(name, samples_dir):
    dataset = catalogue.dataset(name)
    (ex,) = rendered_examples(dataset, 'train', samples_dir, 1)
    values = {field: tf.constant(text) for field, text in values_of(ex).items()}
    for template, (inputs, _) in zip(dataset.templates, ex.prompts):
        prompt = rendering.fill(template.inputs, marked(dataset, values))
        assert unmarked(prompt, long_texts(dataset, values)).numpy().decode() == inputs


@pytest.mark.parametrize('prompt_format', FORMATS, ids=lambda prompt_format: prompt_format.name)
@pytest.mark.parametrize('name', ['multirc', 'quac', 'multi_news', 'imdb_reviews'])
def test_prompts_keep_as_many_words_of_long_fields_as_fit_and_all_else(name, prompt_format, vocabulary, samples_dir):
    dataset = catalogue.dataset(name)
    ex = list(rendered_examples(dataset, 'train', samples_dir))[-1]
    values = {field: tf.constant(text) for field, text in values_of(ex).items()}
    tokenizer = FormatTokenizer(prompt_format, vocabulary)
    for template in dataset.templates[::3]:
        prompt, texts = rendering.fill(template.inputs, marked(dataset, values)), long_texts(dataset, values)
        naive = list(naive_prompts(dataset, template, ex))
        sizes = [len(prompt_format.encode_prompt(vocabulary, text)) for text in naive]
        for limit in (sizes[0] - 1, sizes[0], sizes[0] + 7, (sizes[0] + sizes[-1]) // 2, sizes[-1]):
            text, tokens, cuts = tokenizer.fit(prompt, texts, limit)
            fitting = [kept for kept, size in zip(naive, sizes) if size <= limit]
            assert text.numpy().decode() == (fitting or naive)[-1 if fitting else 0]
            assert tokens.numpy().tolist() == prompt_format.encode_prompt(vocabulary, text.numpy().decode(), limit)
            assert bool(cuts['inputs_fit']) == bool(fitting)
            assert bool(cuts['inputs_cut']) == (text.numpy().decode() != naive[-1])


@given(
    texts=st.lists(
        st.text(st.characters(codec='utf-8', exclude_characters='\x00'), max_size=60), min_size=2, max_size=2
    ),
    limit=st.integers(1, 80),
)
def test_whatever_the_texts_are_what_stands_around_them_is_kept(texts, limit):
    prompt = tf.constant(b'Read <0<\nQ: <1<\nOPTIONS'.replace(b'<', b'\xfe'))
    kept = shortened(prompt, tf.constant(texts), tf.strings.length, limit).numpy().decode()
    first, second = re.fullmatch(r'Read (.*)\nQ: (.*)\nOPTIONS', kept, re.DOTALL).groups()
    assert texts[0].startswith(first) and texts[1].startswith(second)
    assert len(kept.encode()) <= limit or max(len(re.findall(r'\S', part)) for part in (first, second)) <= 40


@pytest.mark.parametrize('prompt_format', FORMATS, ids=lambda prompt_format: prompt_format.name)
def test_a_target_ends_unless_it_is_cut(prompt_format, vocabulary, samples_dir):
    task = training_task(catalogue.dataset('cnn_dailymail'), vocabulary, samples_dir, prompt_format=prompt_format)
    lengths = {'inputs': 120, 'targets': 60}
    cut = []
    for example in read_examples(task, lengths, split='train', seed=0, num_epochs=5).as_numpy_iterator():
        whole = prompt_format.encode_response(vocabulary, example['targets_pretokenized'].decode())
        assert example['targets'].tolist() == whole[:60]
        assert example['targets_cut'] == (len(whole) > 60)
        ends = example['targets'][-1] == vocabulary.eos_id
        assert ends == (not example['targets_cut'] and prompt_format.response.endswith('{eos}'))
        cut.append(example['targets_cut'])
    assert any(cut) and not all(cut)


@pytest.mark.parametrize('form', ['', '_no_template', '_dataset_name'])
def test_questions_and_options_are_in_every_prompt_that_fits(form, vocabulary, samples_dir):
    declared = catalogue.dataset('cosmos_qa')
    dataset = in_form(declared, FORMS[form].instructions)
    task = rank_task(dataset, 0, vocabulary, samples_dir)
    rendered = list(rendered_examples(declared, 'test', samples_dir))
    kept = []
    for limit in (40, 60, 90, 120):
        examples = read_examples(task, {'inputs': limit}, split='test', shuffle=False).as_numpy_iterator()
        for number, example in enumerate(examples):
            ex = rendered[number // 4]
            prompt = vocabulary.decode(example['inputs'])
            assert len(example['inputs']) <= limit
            assert example['targets'].tolist() == [*vocabulary.encode(ex.choices[number % 4]), vocabulary.eos_id]
            shown = [ex.fields['question'], *([] if form else ex.choices)]
            assert not example['inputs_fit'] or all(text in prompt for text in shown)
            kept.append((bool(example['inputs_cut']), bool(example['inputs_fit'])))
    assert {(True, True), (False, True)} <= set(kept)


def test_a_query_after_exemplars_loses_only_its_long_field(vocabulary, samples_dir):
    dataset = catalogue.dataset('squad_v1')
    exemplars = Exemplars(dataset, 4, data_dir=samples_dir)
    task = generation_task(dataset, 0, vocabulary, samples_dir, exemplars)
    unseen = rendered_examples(dataset, 'test', samples_dir)
    examples = read_examples(task, {'inputs': 64}, split='test', shuffle=False).as_numpy_iterator()
    for example, ex in zip(examples, unseen, strict=True):
        assert example['inputs_cut'] and example['inputs_fit'] and example['shots'] == 0
        assert vocabulary.decode(example['inputs']).endswith(ex.fields['question'])
