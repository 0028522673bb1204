"""Detects the format of an instruction file by its first row."""

import pathlib
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

from flan_jax.data.example_files import ExampleError, read_file
from flan_jax.data.instruction_files.conversation import Conversation


def format_of_file(path: pathlib.Path, formats: Mapping[str, ModuleType], keys: Mapping[str, str]) -> str:
    """The name of the one format that can read the first row of a file.

    Args:
      path: the file.
      formats: formats by name, see `known_formats`.
      keys: names of keys in the file, by the names that a format expects.

    Raises:
      ExampleError: if the file is empty, or no format or several formats can read it.
    """
    where, row = next(read_file(path), (str(path), None))
    if row is None:
        raise ExampleError(f'{path}: contains no examples')
    row = _renamed(row, keys)
    found = [name for name, made in formats.items() if _can_read(made, where, row)]
    if len(found) > 1:
        raise ExampleError(f'{where}: can be read as {" and as ".join(found)}; choose one with --format')
    if not found:
        known = '\n'.join(f'  {name}: {made.KEYS}' for name, made in formats.items())
        raise ExampleError(
            f'{where}: the keys are {", ".join(map(str, row)) or "none"}, which match none of these '
            f'formats:\n{known}\nmap keys with --keys OURS=THEIRS, such as prompt=question completion=answer, or '
            'set --format to see which key is missing'
        )
    return found[0]


def conversations(path: pathlib.Path, made: ModuleType, keys: Mapping[str, str]) -> Iterator[Conversation]:
    """The conversations of a file, read lazily.

    Raises:
      ExampleError: if a row lacks a key of `keys`, or the format cannot read it; names file and line.
    """
    for where, row in read_file(path):
        for theirs in keys.values():
            if theirs not in row:
                raise ExampleError(f'{where}: {theirs!r} is missing; the keys are {", ".join(map(str, row)) or "none"}')
        yield made.read(where, _renamed(row, keys))


def most_responses(path: pathlib.Path, made: ModuleType, keys: Mapping[str, str]) -> int:
    """The largest number of responses in any row of a file; raises ExampleError for a row that cannot be read."""
    return max((1 + len(conversation.rejected) for conversation in conversations(path, made, keys)), default=1)


def _renamed(row: Mapping[str, Any], keys: Mapping[str, str]) -> Mapping[str, Any]:
    return {**row, **{ours: row[theirs] for ours, theirs in keys.items() if theirs in row}}


def _can_read(made: ModuleType, where: str, row: Mapping[str, Any]) -> bool:
    try:
        made.read(where, row)
    except ExampleError:
        return False
    return True
