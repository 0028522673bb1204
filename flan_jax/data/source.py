"""Reading prepared TFDS datasets, the only source of data."""

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
"""Key in a prepared dataset's metadata: where its examples come from."""

CONTENTS_KEY = 'flan_jax_contents'
"""Key in a prepared dataset's metadata: a digest of its examples, if this project wrote them. Downloads are identified
by their version."""

_Made = TypeVar('_Made')

_CACHES: list['functools._lru_cache_wrapper'] = []
"""All caches of prepared data in this process."""


def cached(function: Callable[..., _Made]) -> 'functools._lru_cache_wrapper[_Made]':
    """`functools.cache` for functions of prepared data; `clear_caches` clears them when other data are prepared."""
    wrapper = functools.cache(function)
    _CACHES.append(wrapper)
    return wrapper


def clear_caches() -> None:
    """Clears all caches of prepared data, because a dataset may have other contents now, as in a notebook."""
    for cache in _CACHES:
        cache.cache_clear()


class MissingDataError(UserError):
    """A dataset, or one of its splits, is not prepared in the data directory."""


class FileFormatError(UserError):
    """A dataset is prepared in files that cannot be read sequentially, such as ArrayRecord."""


def default_folder() -> str:
    """The directory of prepared datasets: $TFDS_DATA_DIR, else TFDS's own default."""
    return os.environ.get('TFDS_DATA_DIR') or str(tfds.core.constants.DATA_DIR)


@cached
def prepared_builder(source: str, data_dir: str) -> tfds.core.DatasetBuilder:
    """The reader of a prepared dataset.

    Args:
      source: TFDS name with configuration and version.
      data_dir: directory of prepared datasets.

    Raises:
      MissingDataError: if this version of the dataset is not prepared there.
      FileFormatError: if it is prepared in files that TFDS cannot read sequentially.
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
    """The rows on disk of 'train', 'validation' and 'test'; raises MissingDataError."""
    builder = prepared_builder(dataset.source, data_dir)
    return resolve(dataset.splits, {name: info.num_examples for name, info in builder.info.splits.items()})


def data_fingerprint(dataset: Dataset, data_dir: str) -> dict:
    """The identity of a dataset's examples: its version, examples and bytes on disk, and the rows of our splits.

    For examples that this project wrote, also a digest of their contents: a corrected label changes no size.
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
    """The origin of a prepared dataset's examples, if this project wrote them; None for a download."""
    metadata = prepared_builder(source, data_dir).info.metadata
    return metadata.get(ORIGIN_KEY) if metadata else None
