"""Examples of a user's own become a prepared TFDS dataset, or one clear error and no dataset."""

import json
import pathlib
import shutil
import tempfile

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import tensorflow_datasets as tfds

from flan_jax import catalogue
from flan_jax.data import prepare, source
from flan_jax.data.contents import contents_fingerprint
from flan_jax.data.download import download
from flan_jax.data.features import complete, features_read, misfit
from flan_jax.data.mixtures import usable_examples
from flan_jax.data.prepared_source import PreparedSource
from flan_jax.data.preview import rendered_examples
from flan_jax.data.status import State, status
from flan_jax.errors import UnknownName, UserError

RTE_EXAMPLES = [
    {'premise': 'It rains in the valley.', 'hypothesis': 'The valley gets wet.', 'label': 'entailment', 'idx': 0},
    {'premise': 'The shop is shut.', 'hypothesis': 'The shop sells bread.', 'label': 'not_entailment', 'idx': 1},
]


def write_jsonl(path, examples):
    path.write_text(''.join(json.dumps(ex) + '\n' for ex in examples))
    return path


def test_examples_are_read_back_by_the_builders_name(tmp_path):
    files = {
        'train': write_jsonl(tmp_path / 'train.jsonl', RTE_EXAMPLES * 6),
        'validation': write_jsonl(tmp_path / 'v.jsonl', RTE_EXAMPLES),
    }
    prepare.write_dataset('super_glue/rte:1.0.2', files, str(tmp_path / 'data'), origin='examples of your own')
    loaded = tfds.load('super_glue/rte', split='validation', data_dir=str(tmp_path / 'data'))
    assert {ex['hypothesis'] for ex in loaded.as_numpy_iterator()} == {
        b'The valley gets wet.',
        b'The shop sells bread.',
    }
    rte = catalogue.dataset('rte')
    found = status(rte, str(tmp_path / 'data'))
    assert (found.state, found.examples) == (State.READY, {'train': 8, 'validation': 4, 'test': 2})
    answers = {ex.fields['hypothesis']: ex.answer for ex in rendered_examples(rte, 'test', str(tmp_path / 'data'))}
    assert answers == {'The valley gets wet.': 'yes', 'The shop sells bread.': 'no'}


def test_a_label_that_is_put_right_makes_other_data(tmp_path):
    """As many examples in as many bytes: a stream of the wrong labels must not be taken for one of the right ones."""
    wrong = [RTE_EXAMPLES[0] | {'label': 'not_entailment'}, RTE_EXAMPLES[1]]
    found = {}
    for name, examples in {'wrong': wrong, 'right': RTE_EXAMPLES, 'right again': RTE_EXAMPLES}.items():
        file, data_dir = write_jsonl(tmp_path / f'{name}.jsonl', examples), str(tmp_path / name)
        prepare.write_dataset('super_glue/rte:1.0.2', {'train': file, 'validation': file}, data_dir, origin='')
        found[name] = source.data_fingerprint(catalogue.dataset('rte'), data_dir)
    assert found['wrong']['splits'] == found['right']['splits'], 'they differ in size, so nothing was compared'
    assert found['wrong'] != found['right'] == found['right again']


def test_a_process_that_prepares_data_again_reads_the_new_ones(tmp_path):
    """As a notebook does, with `flan_jax.call`."""
    rte, data_dir, sizes, contents = catalogue.dataset('rte'), str(tmp_path / 'data'), [], set()
    for examples in (RTE_EXAMPLES, RTE_EXAMPLES[::-1], RTE_EXAMPLES * 2):
        shutil.rmtree(data_dir, ignore_errors=True)
        train, tested = (write_jsonl(tmp_path / f'{name}.jsonl', examples) for name in ('train', 'validation'))
        prepare.write_dataset('super_glue/rte:1.0.2', {'train': train, 'validation': tested}, data_dir, origin='')
        contents.add(contents_fingerprint(rte, 'test', data_dir))
        sizes.append((usable_examples(rte, 'test', data_dir), len(list(rendered_examples(rte, 'test', data_dir)))))
    assert sizes == [(2, 2), (2, 2), (4, 4)] and len(contents) == 3


def test_parquet_examples_are_the_same_as_json_lines(tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(RTE_EXAMPLES), tmp_path / 'examples.parquet')
    assert [ex for _, ex in prepare.read_file(tmp_path / 'examples.parquet')] == RTE_EXAMPLES


@pytest.mark.parametrize(
    ('second_line', 'message'),
    [
        ('{"premise": "a", "hypothesis": "b", "label": "maybe", "idx": 1}', r"line 2: label='maybe' does not fit"),
        ('{"premise": "a", "label": "entailment", "idx": 1}', 'line 2: features missing: hypothesis; unknown: none'),
        ('{"premise": "a", "hypothesis": "b", "label": 0, "idx": 1, "x": 2}', 'line 2: .*unknown: x'),
        ('{"premise": "a", "hypothesis": "b", "label": 0, "idx": "one"}', "line 2: idx='one' does not fit"),
        ('{"premise": "a", "hypothesis": "b", "label": 0, "idx": 1.7}', 'line 2: idx=1.7 .* would be stored as 1'),
        ('{"premise": "a", "hypothesis": "b", "label": 0.7, "idx": 1}', 'line 2: label=0.7 .* neither the name nor'),
        ('{"premise": "a", "hypothesis": "b", "label": 0, "idx": "1"}', "line 2: idx='1' .* is not a number"),
        ('{"premise": ', 'line 2: not JSON'),
        ('["a"]', 'line 2: expected a JSON object, found list'),
    ],
)
def test_an_example_that_does_not_fit_is_named_and_nothing_is_written(tmp_path, second_line, message):
    file = write_jsonl(tmp_path / 'examples.jsonl', RTE_EXAMPLES[:1])
    file.write_text(file.read_text() + second_line + '\n')
    with pytest.raises(prepare.ExampleError, match=message):
        prepare.write_dataset('super_glue/rte:1.0.2', {'train': file}, str(tmp_path / 'data'), origin='')
    assert not list((tmp_path / 'data').rglob('*.tfrecord*'))


def test_empty_and_absent_files_are_refused(tmp_path):
    with pytest.raises(prepare.ExampleError, match='no such file'):
        prepare.write_dataset('super_glue/rte:1.0.2', {'train': tmp_path / 'no.jsonl'}, str(tmp_path), origin='')
    with pytest.raises(prepare.ExampleError, match='contains no examples'):
        prepare.write_dataset(
            'super_glue/rte:1.0.2', {'train': write_jsonl(tmp_path / 'e.jsonl', [])}, str(tmp_path), ''
        )


def test_prepared_data_is_never_overwritten(tmp_path):
    file = write_jsonl(tmp_path / 'examples.jsonl', RTE_EXAMPLES)
    prepare.write_dataset('super_glue/rte:1.0.2', {'train': file}, str(tmp_path / 'data'), origin='')
    with pytest.raises(UserError, match='already prepared'):
        prepare.write_dataset('super_glue/rte:1.0.2', {'train': file}, str(tmp_path / 'data'), origin='')


def test_samples_are_told_from_real_examples(samples_dir, tmp_path):
    assert status(catalogue.dataset('rte'), samples_dir).state is State.SAMPLES
    assert status(catalogue.dataset('rte'), str(tmp_path)).state is State.MISSING
    assert status(catalogue.dataset('newsroom'), str(tmp_path)).state is State.MANUAL


def test_nothing_is_left_among_the_systems_temporary_files(tmp_path, monkeypatch):
    (tmp_path / 'system').mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'system'))
    written = prepare.prepare_samples([catalogue.dataset(name) for name in ('rte', 'copa')], str(tmp_path / 'data'))
    assert len(written) == 2 and not list((tmp_path / 'system').iterdir())
    assert tempfile.gettempdir() == str(tmp_path / 'system')


def test_downloads_leave_nothing_in_the_systems_temporary_folder(tmp_path, monkeypatch):
    """One is prepared already, and one fails before anything is fetched: its files must be asked for."""
    prepared, by_hand = catalogue.dataset('rte'), catalogue.dataset('story_cloze')
    prepare.write_dataset(
        prepared.source, {'train': write_jsonl(tmp_path / 'train.jsonl', RTE_EXAMPLES)}, str(tmp_path / 'data'), 'own'
    )
    (tmp_path / 'system').mkdir()
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'system'))
    ours, theirs = download([prepared, by_hand], str(tmp_path / 'data'))
    assert not ours.failure and by_hand.manual_step in theirs.failure
    assert not list((tmp_path / 'system').iterdir())


def test_a_missing_dataset_is_named(tmp_path):
    with pytest.raises(source.MissingDataError, match=r'super_glue/rte:1\.0\.2 is not prepared in'):
        source.prepared_builder('super_glue/rte:1.0.2', str(tmp_path))


def test_a_split_that_nothing_reads_is_refused_with_what_is_read(tmp_path):
    file, rte = write_jsonl(tmp_path / 'examples.jsonl', RTE_EXAMPLES), catalogue.dataset('rte')
    with pytest.raises(UnknownName, match="unknown split of super_glue/rte:1.0.2 'trian'; did you mean train"):
        prepare.write_dataset(rte.source, {'trian': file}, str(tmp_path / 'data'), '', declarations=[rte])


def test_only_features_that_a_declaration_reads_are_needed(tmp_path):
    """TriviaQA's pages and search results, which no template shows, and what stands beside SQuAD's answers."""
    trivia = {'question': 'Who?', 'question_id': 'q', 'answer': {'value': 'Ann', 'aliases': ['Ann', 'Anne']}}
    squad = {'question': 'Who?', 'title': 'T', 'context': 'Ann.', 'answers': {'text': ['Ann']}}
    for name, ex in (('trivia_qa', trivia), ('squad_v1', squad)):
        dataset = catalogue.dataset(name)
        readers = [other for other in catalogue.DATASETS.values() if other.source == dataset.source]
        files = {'train': write_jsonl(tmp_path / f'{name}.jsonl', [ex] * 6)}
        prepare.write_dataset(dataset.source, files, str(tmp_path), '', declarations=readers)
        found = list(rendered_examples(dataset, 'train', str(tmp_path)))
        assert found and all(example.answer == 'Ann' for example in found)
    with pytest.raises(prepare.ExampleError, match='context'):
        del squad['context']
        files = {'train': write_jsonl(tmp_path / 'squad.jsonl', [squad])}
        prepare.write_dataset(dataset.source, files, str(tmp_path / 'b'), '', declarations=[dataset])


@pytest.mark.parametrize('dataset', catalogue.DATASETS.values(), ids=lambda dataset: dataset.name)
def test_what_is_not_read_may_be_left_out_of_the_samples(dataset, samples_dir):
    """Every dataset renders the same from its samples with all that its declaration does not read left out."""
    expected = source.prepared_builder(dataset.source, samples_dir).info.features
    read = features_read(dataset, expected)
    assert read
    for file in prepare.sample_files(dataset).values():
        for _, ex in prepare.read_file(file):
            kept = {name: value for name, value in ex.items() if any(path[0] == name for path in read)}
            completed = complete(expected, kept, read)
            assert set(completed) == set(expected)
            expected.encode_example(completed)


@pytest.mark.parametrize(
    ('feature', 'fitting', 'misfitting'),
    [
        (tfds.features.Scalar(np.int64), [1, 1.0, -3], [1.5]),
        (tfds.features.Scalar(np.bool_), [True, 0], [2, 0.5]),
        (tfds.features.Scalar(np.float32), [0.1, 2], []),
        (tfds.features.Text(), ['a', ''], []),
        (tfds.features.ClassLabel(names=['no', 'yes']), ['yes', 1], [0.5, True]),
        (tfds.features.Sequence(np.int64), [[1, 2], []], [[1, 2.5]]),
        (tfds.features.Sequence({'a': np.int64}), [{'a': [1]}, [{'a': 1}]], [{'a': [1.5]}, [{'a': 1.5}]]),
        (tfds.features.FeaturesDict({'a': np.int64}), [{'a': 1}], [{'a': 1.5}]),
    ],
)
def test_a_value_fits_if_it_is_stored_as_it_is(feature, fitting, misfitting):
    assert [misfit(feature, value) for value in fitting] == [''] * len(fitting)
    assert all(misfit(feature, value) for value in misfitting)


def test_files_that_are_not_read_in_order_are_named_with_what_to_do(samples_dir, tmp_path):
    copa, folder = catalogue.dataset('copa'), tmp_path / 'super_glue' / 'copa' / '1.0.2'
    shutil.copytree(pathlib.Path(samples_dir) / 'super_glue' / 'copa' / '1.0.2', folder)
    info = folder / 'dataset_info.json'
    info.write_text(json.dumps(json.loads(info.read_text()) | {'fileFormat': 'array_record'}))
    with pytest.raises(UserError, match=f'copa:1.0.2 is stored in {folder} as array_record.*`tfds convert_format`'):
        PreparedSource(copa, str(tmp_path)).get_dataset('train')
    found = status(copa, str(tmp_path))
    assert found.state is State.MANUAL and 'as array_record' in found.advice
