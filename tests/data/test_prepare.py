"""Examples of a user's own become a prepared TFDS dataset, or one clear error and no dataset."""

import json

import pyarrow
import pyarrow.parquet
import pytest
import tensorflow_datasets as tfds

from flan_jax import catalogue
from flan_jax.data import prepare, source
from flan_jax.data.preview import rendered_examples
from flan_jax.data.status import State, status
from flan_jax.errors import UserError

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
        ('{"premise": ', 'line 2: not JSON'),
        ('["a"]', 'line 2: expected an object, found list'),
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
    with pytest.raises(prepare.ExampleError, match='holds no examples'):
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


def test_a_missing_dataset_is_named(tmp_path):
    with pytest.raises(source.MissingDataError, match=r'super_glue/rte:1\.0\.2 is not prepared in'):
        source.prepared_builder('super_glue/rte:1.0.2', str(tmp_path))
