"""The texts of a pretraining corpus, in which evaluated examples are searched for.

`text:books/*.txt` reads files with paragraphs separated by blank lines; `jsonl:corpus/*.jsonl:text` a field of the
objects in JSON Lines files; `tfds:wiki40b/en:1.3.0:text` a field of a prepared TFDS dataset.
"""

import json
from collections.abc import Iterable, Iterator

from etils import epath
from tensorflow.io import gfile

from flan_jax.data.overlap.chunks import CHARACTERS_AT_A_TIME, Rows, in_chunks
from flan_jax.data.source import prepared_builder
from flan_jax.errors import UserError

TEXT, JSONL, TFDS = KINDS = ('text:', 'jsonl:', 'tfds:')
"""Prefixes of names of corpora."""


def corpus_texts(name: str, data_dir: str) -> Iterator[Rows]:
    """The documents of a corpus in chunks, each document a row with one text.

    Raises:
      UserError: if the name is malformed, no file matches, or a line or example has no such text.
      MissingDataError: if the TFDS dataset is not prepared in `data_dir`.
    """
    return in_chunks([text] for text in _documents(name, data_dir))


def check_corpus(name: str, data_dir: str) -> None:
    """Raises like `corpus_texts`, before any work is done."""
    next(_documents(name, data_dir), None)


def _documents(name: str, data_dir: str) -> Iterator[str]:
    if name.startswith(TEXT):
        return (text for file in _files(name, name.removeprefix(TEXT)) for text in _paragraphs(file))
    pattern, _, field = name.partition(':')[2].rpartition(':')
    if not name.startswith(KINDS) or not pattern or not field:
        raise UserError(f'--corpus={name!r}: must be text:FILES, jsonl:FILES:FIELD or tfds:NAME:FIELD')
    if name.startswith(JSONL):
        return (text for file in _files(name, pattern) for text in _objects(file, field))
    builder = prepared_builder(pattern, data_dir)
    if field not in builder.info.features:
        raise UserError(
            f'--corpus={name!r}: {pattern} has the fields {", ".join(builder.info.features)}, not {field!r}'
        )
    return (ex[field].decode() for ex in builder.as_dataset(split='train').as_numpy_iterator())


def _files(name: str, pattern: str) -> list[epath.Path]:
    files = sorted(epath.Path(path) for path in gfile.glob(pattern))
    if not files:
        raise UserError(f'--corpus={name!r}: no file matches {pattern}')
    return files


def _paragraphs(file: epath.Path) -> Iterator[str]:
    """The paragraphs of a file; those that are too long for memory are split."""
    lines, characters = [], 0
    with file.open('rb') as opened:
        for line in _lines(file, opened):
            if line.strip():
                lines.append(line)
                characters += len(line)
            if lines and (not line.strip() or characters > CHARACTERS_AT_A_TIME):
                yield ''.join(lines)
                lines, characters = [], 0
    if lines:
        yield ''.join(lines)


def _objects(file: epath.Path, field: str) -> Iterator[str]:
    with file.open('rb') as opened:
        for number, line in enumerate(_lines(file, opened), start=1):
            try:
                text = json.loads(line)[field]
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(
                    f'{file}, line {number}: not a JSON object with a field {field!r} ({error!r})'
                ) from error
            if not isinstance(text, str):
                raise UserError(f'{file}, line {number}: {field!r} is {text!r}, not a text')
            yield text


def _lines(file: epath.Path, opened: Iterable[bytes]) -> Iterator[str]:
    """The lines of a file as text, whatever the locale's encoding is."""
    for number, line in enumerate(opened, start=1):
        try:
            yield line.decode('utf-8').removeprefix('\ufeff' if number == 1 else '')
        except UnicodeDecodeError as error:
            raise UserError(f'{file}, line {number}: not UTF-8 ({error.reason}); convert the file') from error
