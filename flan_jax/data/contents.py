"""A fingerprint of the contents of prepared data, which may change under the same name when prepared again."""

import hashlib

from etils import epath

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.source import cached, prepared_builder, split_slices

_CHUNK_BYTES = 1 << 24


def contents_fingerprint(dataset: Dataset, split: str, data_dir: str) -> str:
    """A fingerprint, sixteen hexadecimal digits, of the bytes of the examples of 'train', 'validation' or 'test'.

    Raises:
      MissingDataError: if the dataset is not prepared in `data_dir`.
      KeyError: if it has no such split.
    """
    return _fingerprint(dataset.source, str(split_slices(dataset, data_dir)[split]), data_dir)


@cached
def _fingerprint(source: str, instruction: str, data_dir: str) -> str:
    found = hashlib.sha256()
    for part in prepared_builder(source, data_dir).info.splits[instruction].file_instructions:
        found.update(f'{part.skip} {part.take}'.encode())
        with epath.Path(part.filename).open('rb') as file:
            while chunk := file.read(_CHUNK_BYTES):
                found.update(chunk)
    return found.hexdigest()[:16]
