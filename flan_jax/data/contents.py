"""A fingerprint of the contents of prepared data, which may change under the same name when prepared again."""

import hashlib

from etils import epath

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.source import cached, prepared_builder, split_slices

_CHUNK_BYTES = 1 << 24

_PIECE_BYTES, _PIECES = 1 << 20, 1024
"""How much of a file of text is read to know it: so many pieces, or all of a file up to 1 GiB."""


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


def file_digest(file: epath.Path) -> str:
    """Sixteen hexadecimal digits that stand for what a file holds.

    Of more than 1 GiB, pieces at equal distances are read: opening a large corpus must not take as long as reading it.
    """
    found, size = hashlib.sha256(), file.stat().length
    step = max(_PIECE_BYTES, size // _PIECES)
    with file.open('rb') as opened:
        for start in range(0, size, step):
            opened.seek(start)
            found.update(opened.read(_PIECE_BYTES))
    return found.hexdigest()[:16]
