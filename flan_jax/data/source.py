"""Reading prepared TFDS datasets: the one way in for data."""

import functools
import os
from collections.abc import Callable
from typing import TypeVar

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import file_adapters

from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.splits import Slice, resolve
from flan_jax.errors import UserError

SAMPLES = 'bundled samples'
"""The origin of samples, see `origin`."""

ORIGIN_KEY = 'flan_jax_origin'
"""Key in a prepared dataset's metadata that says where its examples come from."""

CONTENTS_KEY = 'flan_jax_contents'
"""Key of a digest of its examples there, where this project wrote them; what a download holds its version says."""


_Made = TypeVar('_Made')

_KEPT: list['functools._lru_cache_wrapper'] = []
"""What is kept of prepared data in this process."""


def kept(function: Callable[..., _Made]) -> 'functools._lru_cache_wrapper[_Made]':
    """`functools.cache` for what is made of prepared data: until this process prepares other data, see `forget`."""
    cached = functools.cache(function)
    _KEPT.append(cached)
    return cached


def forget() -> None:
    """Lets go of all that was made of prepared data: a name may be that of other data now, as in a notebook."""
    for cached in _KEPT:
        cached.cache_clear()


class MissingDataError(UserError):
    """A dataset, or one of its splits, is not prepared in the data directory."""


class FileFormatError(UserError):
    """A dataset is prepared in files that cannot be read as a stream, such as ArrayRecord."""


def default_folder() -> str:
    """The directory of prepared datasets: $TFDS_DATA_DIR, else TFDS's own default."""
    return os.environ.get('TFDS_DATA_DIR') or str(tfds.core.constants.DATA_DIR)


@kept
def prepared_builder(source: str, data_dir: str) -> tfds.core.DatasetBuilder:
    """The reader of a prepared dataset.

    Args:
      source: TFDS name with configuration and version.
      data_dir: directory of prepared datasets.

    Raises:
      MissingDataError: if this version of the dataset is not prepared there.
      FileFormatError: if it is, in files that TFDS does not read in order.
    """
    path = os.path.join(data_dir, source.replace(':', '/'))
    if not (epath.Path(path) / 'dataset_info.json').exists():
        raise MissingDataError(f'{source} is not prepared in {data_dir}: no dataset_info.json in {path}')
    builder = tfds.builder_from_directory(path)
    if not file_adapters.ADAPTER_FOR_FORMAT[builder.info.file_format].SUPPORTS_TF_DATA:
        raise FileFormatError(
            f'{source} lies in {path} as {builder.info.file_format.value}, which TFDS reads only at random; remove '
            'that folder and prepare it anew, or convert it to tfrecord by `tfds convert_format`, which '
            'needs apache-beam'
        )
    return builder


def split_slices(dataset: Dataset, data_dir: str) -> dict[str, Slice]:
    """The rows that 'train', 'validation' and 'test' stand for on disk; raises MissingDataError."""
    builder = prepared_builder(dataset.source, data_dir)
    return resolve(dataset.splits, {name: info.num_examples for name, info in builder.info.splits.items()})


def data_fingerprint(dataset: Dataset, data_dir: str) -> dict:
    """What identifies a dataset's examples: its version, examples and bytes on disk, and the rows of our splits.

    Where examples were written by this project, their contents besides: a label that is put right takes as many bytes.
    """
    info = prepared_builder(dataset.source, data_dir).info
    splits = {name: [split.num_examples, split.num_bytes] for name, split in sorted(info.splits.items())}
    rows = {name: str(part) for name, part in split_slices(dataset, data_dir).items()}
    contents = written_contents(info)
    return {'source': dataset.source, 'splits': splits, 'rows': rows} | ({'contents': contents} if contents else {})


def written_contents(info: tfds.core.DatasetInfo) -> str | None:
    """The digest of a prepared dataset's examples, where this project wrote them; None for a download."""
    return info.metadata.get(CONTENTS_KEY) if info.metadata else None


def origin(source: str, data_dir: str) -> str | None:
    """Where the examples of a prepared dataset come from, where this project wrote them; None for a download."""
    metadata = prepared_builder(source, data_dir).info.metadata
    return metadata.get(ORIGIN_KEY) if metadata else None
