"""Rows that cannot be read or rendered are named, with file and line before anything is written."""

import dataclasses
import json
import shutil

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Choice, Cluster, Dataset, FreeText, Keep, Splits, Template
from flan_jax.data import own_instructions
from flan_jax.data.cuts import Cuts
from flan_jax.data.example_files import ExampleError, read_file
from flan_jax.data.prepare import checked_examples, write_dataset
from flan_jax.data.preview import rendered_examples
from flan_jax.data.renderable import iterated
from flan_jax.data.seqio_tasks import training_task
from flan_jax.data.verify import verify
from flan_jax.errors import UserError
from flan_jax.evaluation.eval_set import EvalSet
from flan_jax.evaluation.settings import Evaluation
from flan_jax.packing.readers import Readers
from flan_jax.packing.settings import Stream
from flan_jax.tokenizers.vocabulary import Vocabulary

GOOD = b'{"a": "b"}\n'


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        (b'{"a": "\xff"}', 'not UTF-8'),
        (b'\xff\xfe{\x00', 'not UTF-8'),
        (b'null', 'found NoneType'),
        (b'3', 'found int'),
        (b'{"a": "\\ud800"}', 'lone surrogate'),
        (b'{"a": {"b": ["\\udfff"]}}', 'lone surrogate'),
        (b'[' * 100_000, 'not JSON|expected an object|nested too deep'),
        (b'{"a": 1', 'not JSON'),
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path, line, message):
    (tmp_path / 'x.jsonl').write_bytes(GOOD + line + b'\n')
    (tmp_path / 'x.json').write_bytes(b'[' + GOOD + b',' + line + b']')
    for name in ('x.jsonl', 'x.json'):
        with pytest.raises(ExampleError, match=f'{name}, line 2: .*({message}|not JSON)'):
            list(read_file(tmp_path / name))


@pytest.mark.parametrize('name', ['x.jsonl', 'x.json'])
def test_a_mark_before_the_text_is_no_part_of_it(tmp_path, name):
    """As some editors begin UTF-8, and so each of several files that were joined."""
    mark = b'\xef\xbb\xbf'
    content = mark + (b'[' + GOOD + b']' if name == 'x.json' else GOOD + mark + GOOD)
    (tmp_path / name).write_bytes(content)
    assert {json.dumps(row) for _, row in read_file(tmp_path / name)} == {'{"a": "b"}'}


@pytest.mark.parametrize('content', [b'', b'PAR1', b'PAR1' + b'\x00' * 100 + b'PAR1', b'{"a": 1}'])
def test_a_file_that_is_no_parquet_is_named(tmp_path, content):
    (tmp_path / 'x.parquet').write_bytes(content)
    with pytest.raises(ExampleError, match=r'x.parquet: not a Parquet file, or damaged'):
        list(read_file(tmp_path / 'x.parquet'))


def test_damaged_parquet_and_text_that_is_none_are_named(tmp_path):
    text = pyarrow.array([b'sound', b'\xff\xfe'], pyarrow.binary()).view(pyarrow.string())
    pyarrow.parquet.write_table(pyarrow.table({'a': text}), tmp_path / 'x.parquet')
    with pytest.raises(ExampleError, match=r'x.parquet'):
        list(read_file(tmp_path / 'x.parquet'))
    pyarrow.parquet.write_table(pyarrow.table({'a': ['text'] * 100}), tmp_path / 'y.parquet')
    whole = (tmp_path / 'y.parquet').read_bytes()
    (tmp_path / 'y.parquet').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ExampleError, match=r'y.parquet'):
        list(read_file(tmp_path / 'y.parquet'))


RIDDLES = Dataset(
    name='hostile_riddles',
    cluster=Cluster(name='hostile', title='Hostile'),
    paper_name='',
    source='hostile_riddles:1.0.0',
    features={
        'riddle': tfds.features.Text(),
        'answers': tfds.features.Sequence(tfds.features.Text()),
        'right': np.int64,
    },
    splits=Splits(validation='validation', test='test'),
    fields={'riddle': 'riddle', 'last': lambda ex: tf.strings.split(ex['riddle'], ' ')[2]},
    answer=Choice(options='answers', label='right'),
    templates=(Template('{riddle} {last}\n{options}'),),
    metrics=('accuracy',),
    licence='',
    citation='',
)
SOUND = {'riddle': 'What is it?', 'answers': ['a', 'b'], 'right': 1}
FEATURES = tfds.features.FeaturesDict(RIDDLES.features)

BROKEN = {
    'an option out of range': {'right': 2},
    'label -1': {'right': -1},
    'no options': {'answers': []},
    'a field that does not compute': {'riddle': 'What?'},
    'null': {'riddle': None},
    'a number': {'riddle': 3},
    'options that are a text': {'answers': 3},
    'null among options': {'answers': ['a', None]},
    'a nested list': {'answers': [['a'], ['b']]},
    'a label beyond 64 bits': {'right': 2**70},
    'a label that is a list': {'right': [1]},
}


def write(path, rows):
    path.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    return path


@pytest.mark.parametrize('change', BROKEN.values(), ids=BROKEN)
def test_a_row_that_cannot_be_rendered_is_named_before_anything_is_written(tmp_path, change):
    file = write(tmp_path / 'x.jsonl', [SOUND, SOUND, SOUND | change, SOUND])
    with pytest.raises(ExampleError, match=r'x.jsonl, line 3: '):
        checked_examples(FEATURES, file, None, [RIDDLES])


def test_sound_rows_and_those_that_are_never_used_are_kept(tmp_path):
    file = write(tmp_path / 'x.jsonl', [SOUND] * 3)
    assert checked_examples(FEATURES, file, None, [RIDDLES]) == [SOUND] * 3
    snli = catalogue.dataset('snli')  # pairs without a label, -1, are left out by its filter
    rows = [{'premise': 'A.', 'hypothesis': 'B.', 'label': label} for label in (0, -1, 2)]
    features = tfds.builder(snli.source, data_dir=str(tmp_path)).info.features
    assert len(checked_examples(features, write(tmp_path / 'y.jsonl', rows), None, [snli])) == 3


@pytest.fixture
def on_disk(tmp_path):
    """A folder of prepared data in which the third row of each split can be broken: `on_disk(change)`."""

    def prepare(change):
        files = {split: write(tmp_path / f'{split}.jsonl', [SOUND] * 4) for split in ('train', 'validation', 'test')}
        write_dataset(RIDDLES.source, files, str(tmp_path / 'data'), '', RIDDLES.features)
        for path in (tmp_path / 'data').rglob('*.tfrecord*'):
            rewrite(path, change)
        return str(tmp_path / 'data')

    return prepare


def rewrite(path, change):
    """Changes the third row of a TFRecord file, which was written by somebody who checks less."""
    rows = [tf.train.Example.FromString(row.numpy()) for row in tf.data.TFRecordDataset(str(path))]
    change(rows[2].features.feature)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            writer.write(row.SerializeToString())


def label(value):
    return lambda row: row['right'].int64_list.value.__setitem__(0, value)


def without_options(row):
    del row['answers'].bytes_list.value[:]


def not_utf8(row):
    row['riddle'].bytes_list.value[0] = b'What \xff it?'


ON_DISK = {
    r'the label\] \[7\] \[is not one of the': label(7), r'\[-1\] \[is not one of': label(-1),
    r'\[0\] \[options': without_options, 'not UTF-8': not_utf8,
}  # fmt: skip


@pytest.mark.parametrize(('message', 'change'), ON_DISK.items())
def test_a_row_that_lies_on_disk_is_named_before_it_is_evaluated(on_disk, message, change):
    data_dir = on_disk(change)
    with pytest.raises(UserError, match=rf'hostile_riddles, test examples: row 3 of 4 in .*{message}'):
        EvalSet(Evaluation(splits=('test',)), [RIDDLES], {'inputs': 32, 'targets': 8}, data_dir, 0).render()


@pytest.mark.parametrize(('message', 'change'), list(ON_DISK.items())[:3])
def test_a_row_that_lies_on_disk_is_named_by_packing(on_disk, message, change):
    """Rows are read in any order there; the message says where it lies."""
    task = training_task(RIDDLES, Vocabulary(), on_disk(change))
    stream = Stream(sequence_length=64, input_length=32, target_length=8, targets_per_sequence=None)
    with pytest.raises(UserError, match=rf'hostile_riddles, train examples: row 3 of 4 in .*{message}'):
        list(Readers([task], stream, [Cuts()]).open(0, 0, 1))


def test_an_example_without_a_reference_is_named_before_it_is_evaluated(tmp_path):
    features = {'riddle': tfds.features.Text(), 'answers': tfds.features.Sequence(tfds.features.Text())}
    answer = FreeText(answer='riddle', references='answers')
    written = dataclasses.replace(
        RIDDLES, features=features, fields=('riddle',), answer=answer, templates=(Template('{riddle}'),)
    )
    rows = [{'riddle': 'What?', 'answers': answers} for answers in (['a'], [], ['b', 'c'])]
    files = {split: write(tmp_path / f'{split}.jsonl', rows) for split in ('train', 'test')}
    write_dataset(RIDDLES.source, files, str(tmp_path / 'data'), '', features)
    found = EvalSet(Evaluation(splits=('test',)), [written], {'inputs': 32, 'targets': 8}, str(tmp_path / 'data'), 0)
    with pytest.raises(UserError, match='hostile_riddles, test examples: usable example [0-2] has no reference'):
        found.render()


def test_what_a_filter_leaves_out_is_not_looked_at(on_disk):
    kept = dataclasses.replace(RIDDLES, keep=Keep('a label out of range', lambda ex: ex['right'] < 2))
    data_dir = on_disk(label(7))
    assert [ex.answer for ex in rendered_examples(kept, 'test', data_dir)] == ['b'] * 3


def test_what_tensorflow_says_becomes_one_line():
    broken = tf.data.Dataset.range(3).map(lambda i: tf.constant([1, 2])[i])
    with pytest.raises(UserError, match='rte, test: after 2 examples, one cannot be read') as error:
        list(iterated(broken, 'rte, test'))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    'content',
    ['', '{', '[]', '{"flan_jax_declaration": 3}', '{"flan_jax_declaration": {"name": "../x", "metrics": []}}'],
)
def test_a_damaged_declaration_of_prepared_data_is_named(tmp_path, content):
    folder = tmp_path / 'own' / '1.0.0'
    folder.mkdir(parents=True)
    (folder / 'metadata.json').write_text(content)
    with pytest.raises(UserError, match=r'metadata.json is damaged|dataset name'):
        own_instructions.declare_prepared(str(tmp_path))


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda path: path.unlink(), r'row 1 of \d+ in .* cannot be read: '),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), r'row (\d+) of \1 in .* cannot be read: '),
        (lambda path: path.write_bytes(path.read_bytes() * 2), r'row \d+ of \d+ in .* cannot be read: '),
    ],
    ids=['missing', 'truncated', 'longer'],
)
def test_files_that_are_not_as_they_were_written_are_named(samples_dir, tmp_path, damage, message):
    shutil.copytree(f'{samples_dir}/super_glue/rte', tmp_path / 'super_glue/rte')
    for path in (tmp_path / 'super_glue/rte').rglob('*validation.tfrecord*'):
        damage(path)
    with pytest.raises(UserError, match=f'rte, test examples: {message}'):
        verify(catalogue.dataset('rte'), str(tmp_path))
