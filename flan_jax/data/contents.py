"""A fingerprint of the contents of prepared data, which may change under the same name when prepared again."""

import functools
import hashlib
import time
from collections.abc import Sequence

from etils import epath

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.source import cached, prepared_builder, split_slices

_CHUNK_BYTES = 1 << 24

_PIECE_BYTES, _PIECES = 1 << 16, 1 << 14
"""Size and number of the pieces of files that digests cover: all of them up to 1 GiB in total."""

_SETTLED_SECONDS = 2.0


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


def file_digests(paths: Sequence[epath.PathLike]) -> dict[str, str]:
    """A fingerprint, sixteen hexadecimal digits, of the contents of each file.

    Of more than 1 GiB in total, only pieces at equal distances are read, so that opening a large corpus is fast.
    """
    pieces = max(1, _PIECES // max(1, len(paths)))
    return {str(path): _file_digest(epath.Path(path), pieces) for path in paths}


def _file_digest(path: epath.Path, pieces: int) -> str:
    found = path.stat()
    # A file that was just written may change again without a change of its time.
    settled = time.time() - found.mtime > _SETTLED_SECONDS
    digest = _digest if settled else _digest.__wrapped__
    return digest(path, pieces, found.length, found.mtime)


@functools.lru_cache(maxsize=4096)
def _digest(path: epath.Path, pieces: int, size: int, changed_at: float) -> str:
    """The digest of so many pieces of a file; cached as long as the file has the same size and time."""
    found = hashlib.sha256()
    with path.open('rb') as opened:
        for start in range(0, size, max(_PIECE_BYTES, size // pieces)):
            opened.seek(start)
            found.update(opened.read(_PIECE_BYTES))
    return found.hexdigest()[:16]
