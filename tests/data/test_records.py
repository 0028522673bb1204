"""Serialised examples come in TFDS's order."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from flan_jax.data.records import records

ROWS = 300


@pytest.fixture(scope='module')
def builder(tmp_path_factory):
    """A dataset in five files."""
    features = tfds.features.FeaturesDict({'number': tfds.features.Scalar(np.int64)})
    return tfds.dataset_builders.store_as_tfds_dataset(
        'numbers',
        version='1.0.0',
        features=features,
        split_datasets={'train': [(number, {'number': number}) for number in range(ROWS)]},
        data_dir=tmp_path_factory.mktemp('numbers'),
        download_config=tfds.download.DownloadConfig(num_shards=5),
    )


@pytest.mark.parametrize('shuffle', [False, True])
@pytest.mark.parametrize(('split', 'files'), [('train', 5), ('train[:70]', 2), ('train[20:45]', 1), ('train[90:]', 4)])
def test_records_are_those_of_tfds_in_every_repetition(builder, split, files, shuffle):
    instructions = builder.info.splits[split].file_instructions
    assert len(instructions) == files
    config = tfds.ReadConfig(shuffle_seed=3, try_autocache=False)
    expected = builder.as_dataset(split=split, shuffle_files=shuffle, read_config=config)
    found = records(builder.info, instructions, shuffle, 3).map(builder.info.features.deserialize_example)
    of_tfds, ours = (list(examples.repeat(3).as_numpy_iterator()) for examples in (expected, found))
    assert ours == of_tfds and len(ours) == 3 * builder.info.splits[split].num_examples


@pytest.mark.parametrize(('rows', 'part'), [(10, 'train[:60]'), (70, 'train[:60]'), (70, 'train[20:60]')])
def test_other_rows_than_the_metadata_says_are_an_error(builder, tmp_path, rows, part):
    """As many as there are more would be left out in silence."""
    (file,) = builder.info.splits[part].file_instructions
    path = tmp_path / 'rows'
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in itertools.islice(itertools.repeat(b'row'), rows):
            writer.write(record)
    changed = type(file)(str(path), file.skip, file.take, file.examples_in_shard)
    with pytest.raises(tf.errors.FailedPreconditionError, match=f'{file.take} elements'):
        list(records(builder.info, [changed]))
