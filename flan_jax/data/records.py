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


def shuffled_records(
    info: tfds.core.DatasetInfo, files: Sequence[FileInstruction], seed: int | None
) -> tf.data.Dataset:
    """The serialised examples in some files of a dataset, of which every repetition takes the files in another order.

    It fails when it is read if there are more or fewer than the dataset's metadata says. A single file is read without
    what reading several takes.
    """
    adapter = file_adapters.ADAPTER_FOR_FORMAT[info.file_format]

    whole = all(file.takes_all and not file.skip for file in files)

    def of_file(path, skip, take):
        records = adapter.make_tf_data(path)
        return records if whole else records.skip(skip).take(take)

    if len(files) == 1:
        records = of_file(files[0].filename, files[0].skip, files[0].take)
    else:
        bounds = ([file.skip for file in files], [file.take for file in files])
        of_files = ([str(file.filename) for file in files], *(np.array(bound, np.int64) for bound in bounds))
        shuffled = tf.data.Dataset.from_tensor_slices(of_files).shuffle(len(files), seed=seed)
        records = shuffled.interleave(of_file, _FILES_AT_A_TIME, _RECORDS_OF_A_FILE, tf.data.AUTOTUNE)
    return records.apply(tf.data.experimental.assert_cardinality(sum(file.take for file in files)))
