"""Serialised examples of prepared datasets, in the order in which TFDS reads them.

They are small until they are parsed, and shuffling keeps thousands of which few may ever be used.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from tensorflow_datasets.core import file_adapters
from tensorflow_datasets.core.utils.shard_utils import FileInstruction

_FILES_AT_A_TIME = _RECORDS_OF_A_FILE = 16
"""TFDS's, on which the order depends: records are read from so many files in turn, so many from each."""


def records(
    info: tfds.core.DatasetInfo, files: Sequence[FileInstruction], shuffle: bool = False, seed: int | None = None
) -> tf.data.Dataset:
    """The serialised examples in some files of a dataset.

    It fails when it is read if there are more or fewer than the dataset's metadata says. A single file is read without
    what reading several takes.

    Args:
      info: the dataset's.
      files: of them the rows are read that each says.
      shuffle: whether every repetition takes the files in another order, drawn by `seed`.
      seed: any where None.
    """
    skips, takes = any(file.skip for file in files), not all(file.takes_all for file in files)

    def of_file(path, skip, take):
        found = _all_records(info, path)
        found = found.skip(skip) if skips else found
        return found.take(take) if takes else found

    if len(files) == 1:
        found = of_file(str(files[0].filename), files[0].skip, files[0].take)
    else:
        bounds = ([file.skip for file in files], [file.take for file in files])
        of_files = ([str(file.filename) for file in files], *(np.array(bound, np.int64) for bound in bounds))
        in_order = tf.data.Dataset.from_tensor_slices(of_files)
        in_order = in_order.shuffle(len(files), seed=seed) if shuffle else in_order
        at_a_time = 1 if info.disable_shuffling else _FILES_AT_A_TIME
        found = in_order.interleave(of_file, at_a_time, _RECORDS_OF_A_FILE, tf.data.AUTOTUNE)
    return found.apply(tf.data.experimental.assert_cardinality(sum(file.take for file in files)))


def _all_records(info: tfds.core.DatasetInfo, path: str | tf.Tensor) -> tf.data.Dataset:
    """The records of a file. `tf.data.TFRecordDataset` would trace a function for the one file that it is given."""
    if info.file_format != file_adapters.FileFormat.TFRECORD:
        return file_adapters.ADAPTER_FOR_FORMAT[info.file_format].make_tf_data(path)
    buffer_size = file_adapters.TfRecordFileAdapter.BUFFER_SIZE
    found = tf.raw_ops.TFRecordDataset(filenames=path, compression_type='', buffer_size=buffer_size)
    return tf.data.experimental.from_variant(found, tf.TensorSpec([], tf.string))
