"""Reads files of examples, JSON Lines, a JSON array or Parquet, with the location of every example."""

import codecs
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.parquet

from flan_jax.errors import UserError

Located = tuple[str, Mapping[str, Any]]
"""The location of an example, such as 'train.jsonl, line 3', and the example."""


class ExampleError(UserError):
    """An example cannot be read, or does not have the expected form."""


def read_file(path: pathlib.Path) -> Iterator[Located]:
    """The examples of a file: .jsonl, .json (an array, or lines as in .jsonl) or .parquet.

    Raises:
      ExampleError: if there is no such file, it has another suffix, or an example is not a JSON object.
    """
    if not path.is_file():
        raise ExampleError(f'{path}: no such file')
    if path.suffix == '.parquet':
        yield from _read_parquet(path)
    elif path.suffix == '.json' and _is_array(path):
        yield from _read_array(path)
    elif path.suffix in ('.jsonl', '.json'):
        with path.open('rb') as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f'{path}, line {number}', _parse_line(f'{path}, line {number}', line)
    else:
        raise ExampleError(f'{path}: unsupported file name; use a .jsonl, .json or .parquet file')


def _read_parquet(path: pathlib.Path) -> Iterator[Located]:
    try:
        examples = pyarrow.parquet.read_table(path).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise ExampleError(f'{path}: not a Parquet file, or damaged: {error}') from error
    for number, ex in enumerate(examples, start=1):
        yield f'{path}, example {number}', _require_object(f'{path}, example {number}', ex)


def _is_array(path: pathlib.Path) -> bool:
    with path.open('rb') as file:
        lines = (line.removeprefix(codecs.BOM_UTF8).lstrip() for line in file)
        return next((line[:1] for line in lines if line), b'') == b'['


def _read_array(path: pathlib.Path) -> Iterator[Located]:
    """The objects of a JSON array, each with the number of its first line."""
    content, decoder = path.read_bytes(), json.JSONDecoder()
    text = '\n'.join(
        _decoded(f'{path}, line {number}', line) for number, line in enumerate(content.split(b'\n'), start=1)
    )
    place, line, counted = text.index('[') + 1, 1, 0
    while True:
        place = _after_blanks(text, place)
        line, counted = line + text.count('\n', counted, place), place
        if text[place : place + 1] == ']':
            return
        try:
            ex, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise ExampleError(f'{path}, line {error.lineno}: not JSON: {error}') from error
        except RecursionError as error:
            raise ExampleError(f'{path}, line {line}: nested too deep') from error
        yield f'{path}, line {line}', _require_object(f'{path}, line {line}', ex)
        place = _after_blanks(text, place)
        if text[place : place + 1] not in (',', ']'):
            raise ExampleError(f'{path}, line {text.count(chr(10), 0, place) + 1}: not JSON: expected , or ]')
        place += text[place] == ','


def _after_blanks(text: str, place: int) -> int:
    while text[place : place + 1].isspace():
        place += 1
    return place


def _parse_line(where: str, line: bytes) -> Mapping[str, Any]:
    try:
        ex = json.loads(_decoded(where, line))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ExampleError(f'{where}: not JSON: {error}') from error
    return _require_object(where, ex)


def _decoded(where: str, line: bytes) -> str:
    """The text of a line without the mark that some editors begin a file with, as does each of several joined ones."""
    try:
        return line.decode('utf-8').removeprefix('\ufeff')
    except UnicodeDecodeError as error:
        raise ExampleError(f'{where}: not UTF-8: {error}; convert the file') from error


def _require_object(where: str, ex: Any) -> Mapping[str, Any]:
    if not isinstance(ex, dict):
        raise ExampleError(f'{where}: expected a JSON object, found {type(ex).__name__}')
    try:
        json.dumps(ex, ensure_ascii=False, default=str).encode('utf-8')
    except UnicodeEncodeError as error:
        raise ExampleError(f'{where}: contains a lone surrogate, which is not valid text: {error}') from error
    return ex
