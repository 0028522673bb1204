"""Files of examples: JSON Lines, a JSON array, or Parquet; every example with the place where it stands."""

import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow.parquet

from flan_jax.errors import UserError

Located = tuple[str, Mapping[str, Any]]
"""An example and where it stands, such as 'train.jsonl, line 3'."""


class ExampleError(UserError):
    """An example cannot be read, or does not fit what is expected of it."""


def read_file(path: pathlib.Path) -> Iterator[Located]:
    """The examples of a file: .jsonl, .json (an array, or lines as in .jsonl) or .parquet.

    Raises:
      ExampleError: if there is no such file or it is of another kind, and for what is no JSON object.
    """
    if not path.is_file():
        raise ExampleError(f'{path}: no such file of examples')
    if path.suffix == '.parquet':
        for index, ex in enumerate(pyarrow.parquet.read_table(path).to_pylist()):
            yield f'{path}, example {index + 1}', ex
    elif path.suffix == '.json' and _is_array(path):
        yield from _read_array(path)
    elif path.suffix in ('.jsonl', '.json'):
        with path.open(encoding='utf-8') as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f'{path}, line {number}', _parse_line(f'{path}, line {number}', line)
    else:
        raise ExampleError(f'{path}: examples are read from .jsonl, .json or .parquet files')


def _is_array(path: pathlib.Path) -> bool:
    with path.open(encoding='utf-8') as file:
        return next((line.lstrip()[0] for line in file if line.strip()), '') == '['


def _read_array(path: pathlib.Path) -> Iterator[Located]:
    """The objects of a JSON array, each with the line on which it begins."""
    text, decoder = path.read_text(encoding='utf-8'), json.JSONDecoder()
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
        yield f'{path}, line {line}', _require_object(f'{path}, line {line}', ex)
        place = _after_blanks(text, place)
        if text[place : place + 1] not in (',', ']'):
            raise ExampleError(f'{path}, line {text.count(chr(10), 0, place) + 1}: not JSON: expected , or ]')
        place += text[place] == ','


def _after_blanks(text: str, place: int) -> int:
    while text[place : place + 1].isspace():
        place += 1
    return place


def _parse_line(where: str, line: str) -> Mapping[str, Any]:
    try:
        ex = json.loads(line)
    except json.JSONDecodeError as error:
        raise ExampleError(f'{where}: not JSON: {error}') from error
    return _require_object(where, ex)


def _require_object(where: str, ex: Any) -> Mapping[str, Any]:
    if not isinstance(ex, dict):
        raise ExampleError(f'{where}: expected an object, found {type(ex).__name__}')
    return ex
