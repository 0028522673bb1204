"""The texts of prepared rows as they are on disk, before any template: what two datasets are compared by."""

import dataclasses
import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tensorflow_datasets.core import file_adapters

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.features import features_read
from flan_jax.data.overlap.chunks import Rows, in_chunks
from flan_jax.data.prepared_source import PreparedSource, keep_usable
from flan_jax.data.source import cached, prepared_builder

_FILES_AT_ONCE = _ROWS_OF_EACH = 16
"""How TFDS reads the files of a split in turn (the defaults of `tfds.ReadConfig`)."""

_RAGGED = '/ragged_flat_values'
"""Ending of the key under which TFDS stores the values of a list of lists."""

_INDEX = 'flan_jax_index'


def raw_texts(dataset: Dataset, split: str, data_dir: str) -> Iterator[Rows]:
    """The texts of the usable examples of 'train', 'validation' or 'test', in the order on disk, some at a time.

    The examples of one row all have its texts. These are the string features that the declaration reads, nested or
    repeated: a key that nobody sees is no text. Records are taken apart without a graph of TensorFlow, which takes
    longer to make than small datasets to read.

    Raises:
      MissingDataError: if the dataset or its split is not prepared.
    """
    return in_chunks(_texts_of_examples(dataset, split, data_dir))


def _texts_of_examples(dataset: Dataset, split: str, data_dir: str) -> Iterator[list[str]]:
    keys = text_keys(dataset, data_dir)
    examples = _examples_of_rows(dataset, split, data_dir)
    for index, record in enumerate(_records(dataset, split, data_dir)):
        features = tf.train.Example.FromString(record).features.feature
        texts = [text for key in keys for name in (key, key + _RAGGED) for text in features[name].bytes_list.value]
        yield from [[text.decode() for text in texts]] * (1 if examples is None else examples[index])


@cached
def text_keys(dataset: Dataset, data_dir: str) -> list[str]:
    """The names of the features that a declaration reads, those of nested ones joined by '/', in order."""
    features = prepared_builder(dataset.source, data_dir).info.features
    return ['/'.join(path) for path in sorted(features_read(dataset, features))]


def _records(dataset: Dataset, split: str, data_dir: str) -> Iterator[bytes]:
    """The serialised rows of a split, usable or not, in the order of `PreparedSource.get_dataset`."""
    info = prepared_builder(dataset.source, data_dir).info
    adapter = file_adapters.ADAPTER_FOR_FORMAT[info.file_format]
    parts = info.splits[str(PreparedSource(dataset, data_dir).slice(split))].file_instructions

    def read(file, skip, take):
        return adapter.make_tf_data(file).skip(skip).take(take)

    files = [(os.fspath(part.filename), part.skip, part.take) for part in parts]
    if len(files) == 1:
        return read(*files[0]).as_numpy_iterator()
    at_once = 1 if info.disable_shuffling else _FILES_AT_ONCE
    together = tf.data.Dataset.from_tensor_slices(tuple(map(np.array, zip(*files))))
    return together.interleave(read, cycle_length=at_once, block_length=_ROWS_OF_EACH).as_numpy_iterator()


def _examples_of_rows(dataset: Dataset, split: str, data_dir: str) -> np.ndarray | None:
    """How many usable examples each row of a split holds; None where it is one in all of them."""
    if dataset.keep is None and dataset.expand is None:
        return None
    rows_alone = PreparedSource(dataclasses.replace(dataset, expand=None), data_dir)

    def examples(index, row):
        held = tf.data.Dataset.from_tensors(row)
        if dataset.expand is not None:
            held = tf.data.Dataset.from_tensor_slices(dataset.expand(row))
        return held.map(lambda ex: {**ex, _INDEX: index})

    usable = keep_usable(rows_alone.get_dataset(split, shuffle=False).enumerate().flat_map(examples), dataset)
    rows = list(usable.map(lambda ex: ex[_INDEX]).as_numpy_iterator())
    return np.bincount(np.array(rows, int), minlength=rows_alone.num_input_examples(split))
