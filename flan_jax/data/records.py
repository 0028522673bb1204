"""Serialised examples of prepared datasets, in the order of TFDS.

Serialised examples are small, so that a shuffle buffer with thousands of them, of which few may be used, is cheap.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters
from tensorflow_datasets.core.utils.shard_utils import FileInstruction

_FILES_AT_A_TIME = _RECORDS_OF_A_FILE = 16
"""Values of TFDS, which determine the order: files that are interleaved, and records read from each in turn."""


def records(
    info: tfds.core.DatasetInfo, files: Sequence[FileInstruction], shuffle: bool = False, seed: int | None = None
) -> tf.data.Dataset:
    """The serialised examples in some files of a dataset.

    Reading fails if their number differs from the dataset's metadata. A single file is read without interleaving.

    Args:
      info: the dataset's metadata.
      files: the files, with the rows to read of each.
      shuffle: whether the order of files is random in every repetition.
      seed: seed of the order; None for a random one.
    """
    skips, takes = any(file.skip for file in files), not all(file.takes_all for file in files)

    def read_rows(path, skip, take):
        found = _all_records(info, path)
        found = found.skip(skip) if skips else found
        return found.take(take) if takes else found

    if len(files) == 1:
        found = read_rows(str(files[0].filename), files[0].skip, files[0].take)
    else:
        bounds = ([file.skip for file in files], [file.take for file in files])
        arguments = ([str(file.filename) for file in files], *(np.array(bound, np.int64) for bound in bounds))
        in_order = tf.data.Dataset.from_tensor_slices(arguments)
        in_order = in_order.shuffle(len(files), seed=seed) if shuffle else in_order
        cycle_length = 1 if info.disable_shuffling else _FILES_AT_A_TIME
        found = in_order.interleave(read_rows, cycle_length, _RECORDS_OF_A_FILE, tf.data.AUTOTUNE)
    return found.apply(tf.data.experimental.assert_cardinality(sum(file.take for file in files)))


def _all_records(info: tfds.core.DatasetInfo, path: str | tf.Tensor) -> tf.data.Dataset:
    """The records of a file, by the raw op: `tf.data.TFRecordDataset` traces a function, which takes time."""
    if info.file_format != file_adapters.FileFormat.TFRECORD:
        return file_adapters.ADAPTER_FOR_FORMAT[info.file_format].make_tf_data(path)
    buffer_size = file_adapters.TfRecordFileAdapter.BUFFER_SIZE
    found = tf.raw_ops.TFRecordDataset(filenames=path, compression_type='', buffer_size=buffer_size)
    return tf.data.experimental.from_variant(found, tf.TensorSpec([], tf.string))
