"""The texts of prepared rows as they are on disk, before any template: what two datasets are compared by."""

import functools
import operator
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import Dataset, TfdsExample
from flan_jax.data.features import features_read
from flan_jax.data.seqio_tasks import keep_usable
from flan_jax.data.source import PreparedSource, prepared_builder

_ROWS_AT_A_TIME = 512
_CHARACTERS_AT_A_TIME = 4_000_000


def raw_texts(dataset: Dataset, split: str, data_dir: str) -> Iterator[list[list[str]]]:
    """The texts of the usable rows of 'train', 'validation' or 'test', in the order on disk, some rows at a time.

    They are the string features that the declaration reads, nested or repeated: a key that nobody sees is no text.

    Raises:
      MissingDataError: if the dataset or its split is not prepared.
    """
    rows = keep_usable(PreparedSource(dataset, data_dir).get_dataset(split, shuffle=False), dataset)
    texts_of = strings_of(dataset, data_dir)
    held, characters = [], 0
    for batch in rows.map(texts_of).ragged_batch(_ROWS_AT_A_TIME).as_numpy_iterator():
        for texts in _rows_of(batch):
            held.append([text.decode() for text in texts])
            characters += sum(map(len, texts))
        if characters > _CHARACTERS_AT_A_TIME:
            yield held
            held, characters = [], 0
    if held:
        yield held


def strings_of(dataset: Dataset, data_dir: str) -> Callable[[TfdsExample], tf.Tensor]:
    """What takes the strings that a declaration reads from an example, strings [n]; in TensorFlow ops."""
    paths = sorted(features_read(dataset, prepared_builder(dataset.source, data_dir).info.features))

    @tf.autograph.experimental.do_not_convert
    def read(ex: TfdsExample) -> tf.Tensor:
        values = (functools.reduce(operator.getitem, path, ex) for path in paths)
        return tf.concat([tf.constant([], tf.string), *(_flat(v) for v in values if v.dtype == tf.string)], 0)

    return read


def _flat(value: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
    return value.flat_values if isinstance(value, tf.RaggedTensor) else tf.reshape(value, [-1])


def _rows_of(batch) -> list[np.ndarray]:
    """The rows of a batch, ragged or not."""
    if isinstance(batch, np.ndarray):
        return list(batch)
    return np.split(batch.flat_values, batch.row_splits[1:-1])
