"""A fingerprint of what prepared data holds: prepared anew, it may hold other examples under the same name."""

import hashlib

from etils import epath

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.source import kept, prepared_builder, split_slices

_CHUNK_BYTES = 1 << 24


def contents_fingerprint(dataset: Dataset, split: str, data_dir: str) -> str:
    """Sixteen hexadecimal digits that stand for the examples of 'train', 'validation' or 'test', byte for byte.

    Raises:
      MissingDataError: if the dataset is not prepared in `data_dir`.
      KeyError: if it has no such split.
    """
    return _fingerprint(dataset.source, str(split_slices(dataset, data_dir)[split]), data_dir)


@kept
def _fingerprint(source: str, instruction: str, data_dir: str) -> str:
    found = hashlib.sha256()
    for part in prepared_builder(source, data_dir).info.splits[instruction].file_instructions:
        found.update(f'{part.skip} {part.take}'.encode())
        _update(found, part.filename)
    return found.hexdigest()[:16]


def file_digest(path: epath.PathLike) -> str:
    """Sixteen hexadecimal digits that stand for a file, byte for byte."""
    found = hashlib.sha256()
    _update(found, path)
    return found.hexdigest()[:16]


def _update(found: 'hashlib._Hash', path: epath.PathLike) -> None:
    with epath.Path(path).open('rb') as file:
        while chunk := file.read(_CHUNK_BYTES):
            found.update(chunk)
