"""A template file in the format of the original project takes the place of our templates."""

import pytest

from flan_jax import catalogue
from flan_jax.catalogue import original_templates
from flan_jax.command import configuration
from flan_jax.command.libraries import prepare_libraries
from flan_jax.data.catalogue_task import read_examples
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.preview import rendered_examples
from flan_jax.data.seqio_tasks import training_task
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary

# DecodeCache for this test in the format of the original's file.
FILE = '''
"""Patterns."""

PATTERNS = {
    "anli": [
        ("{context}\\n\\nSo what of \\"{hypothesis}\\"?\\n\\n{options_}", "{answer}"),
        ("Invent both.", "First: {context}\\n\\nSecond: {hypothesis}"),
    ],
    "aeslc": [
        ("Name this: {body}", "{subject}"),
        ("Expand this: {subject}", "{body}"),
    ],
    "wmt16_translate": [
        ("{sent1}\\n\\nInto {lang2}!", "{sent2}"),
        ("{sent2}\\n\\nInto {lang1}!", "{sent1}"),
        ("Say something foreign.", "{sent2}"),
        ("{sent2}\\n\\nWhat was that?", "{lang2}"),
    ],
    "winogrande": [
        ("Go on.\\n\\n{context}", "{answer}"),
    ],
    "coqa": [
        ("{text}\\n\\n{numbered_questions}", "{numbered_answers}"),
    ],
}
'''


@pytest.fixture
def replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, 'DATASETS', dict(catalogue.DATASETS))
    (tmp_path / 'templates.py').write_text(FILE)
    original_templates.replace_templates(str(tmp_path / 'templates.py'))


def test_templates_are_replaced_for_all_datasets_that_share_them(replaced, samples_dir):
    for name in ('anli_r1', 'anli_r3'):
        dataset = catalogue.dataset(name)
        assert [template.inverted for template in dataset.templates] == [False, True]
        (ex,) = rendered_examples(dataset, 'test', samples_dir, limit=1)
        context, hypothesis = ex.fields['context'], ex.fields['hypothesis']
        options = 'OPTIONS:\n- yes\n- it is impossible to say\n- no'
        assert ex.prompts[0] == (f'{context}\n\nSo what of "{hypothesis}"?\n\n{options}', ex.answer)
        assert ex.prompts[1] == ('Invent both.', f'First: {context}\n\nSecond: {hypothesis}')


def test_fields_are_known_by_the_originals_names(replaced, samples_dir):
    (ex,) = rendered_examples(catalogue.dataset('aeslc'), 'test', samples_dir, limit=1)
    email = ex.fields['email']
    assert ex.prompts == ((f'Name this: {email}', ex.answer), (f'Expand this: {ex.answer}', email))


def test_directions_of_translation_are_distinguished(replaced, samples_dir):
    dataset = catalogue.dataset('wmt16_translate_roen')
    assert {i: t.variant for i, t in dataset.forward_templates.items()} == {0: 'en-ro', 1: 'ro-en'}
    (ex,) = rendered_examples(dataset, 'test', samples_dir, limit=1)
    english, foreign = ex.fields['english'], ex.fields['foreign']
    assert ex.prompts == (
        (f'{english}\n\nInto Romanian!', foreign),
        (f'{foreign}\n\nInto English!', english),
        ('Say something foreign.', foreign),
        (f'{foreign}\n\nWhat was that?', 'Romanian'),
    )


def test_templates_without_options_are_asked_as_the_original_does(replaced):
    assert list(catalogue.dataset('winogrande').forward_templates) == [0]


def test_what_the_file_does_not_name_or_cannot_compare_keeps_its_templates(replaced):
    assert len(catalogue.dataset('rte').templates) == len(catalogue.dataset('coqa').templates) == 10


def test_templates_that_show_nothing_of_the_example_have_exemplars_too(replaced, samples_dir):
    dataset = catalogue.dataset('wmt16_translate_roen')
    vocabulary = Vocabulary()
    task = training_task(dataset, vocabulary, samples_dir, Exemplars(dataset, 2, data_dir=samples_dir))
    lengths = {'inputs': 512, 'targets': 128}
    for example in read_examples(task, lengths, split='train', shuffle=False, seed=0).as_numpy_iterator():
        assert example['shots'] == 2


def test_all_that_does_not_fit_is_listed_and_nothing_is_replaced(tmp_path):
    file = tmp_path / 'templates.py'
    file.write_text(
        'PATTERNS = {"rte": [("{premise} {hypotheses}", "{answer}")], "no_such": [("a", "b")],'
        ' "sst2": [("{sentence} {", "{answer}")], "copa": [("{premise} {question}", "{answer}")]}'
    )
    before = dict(catalogue.DATASETS)
    with pytest.raises(UserError) as error:
        original_templates.replace_templates(str(file))
    for part in ("unknown field 'hypotheses'", "unknown dataset 'no_such'", 'sst2: stray brace'):
        assert part in str(error.value)
    assert '\n  copa' not in str(error.value)
    assert before == catalogue.DATASETS


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('OTHER = {}', 'no readable dictionary PATTERNS'),
        ('PATTERNS = dict(rte=[])', 'no readable dictionary PATTERNS'),
        ('PATTERNS = {', 'no readable dictionary PATTERNS'),
        ('PATTERNS = {"rte": [("a", "b", "c")]}', 'not pairs of input and target: rte'),
    ],
)
def test_a_file_in_another_format_is_refused(text, message, tmp_path):
    (tmp_path / 'templates.py').write_text(text)
    with pytest.raises(UserError, match=message):
        original_templates.read_patterns(str(tmp_path / 'templates.py'))
    with pytest.raises(UserError, match='no readable dictionary PATTERNS'):
        original_templates.read_patterns(str(tmp_path / 'absent.py'))


def test_the_table_of_names_fits_the_catalogue():
    for name, fields in original_templates.FIELDS.items():
        dataset = catalogue.dataset(name)
        for text in fields.values():
            allowed = {*dataset.fields, 'answer'} if text.startswith('{') else {text}
            assert text.strip('{}') in allowed, f'{name}: {text}'


def test_a_run_uses_the_file_that_it_is_given(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, 'DATASETS', dict(catalogue.DATASETS))
    (tmp_path / 'templates.py').write_text(FILE)
    bindings = {'MODEL_DIR': str(tmp_path), 'Data.original_templates': str(tmp_path / 'templates.py')}
    settings = configuration.load(['gin/runs/tiny.gin'], bindings)
    prepare_libraries(settings.data)
    assert len(catalogue.dataset('winogrande').templates) == 1
