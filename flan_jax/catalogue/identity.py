"""Fingerprints of users' declarations, so that streams and records are not reused after a declaration changes.

The project's own datasets are identified by version and templates.
"""

import dataclasses
import functools
import inspect
import re
import types
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.settings import fingerprint

INSTRUCTIONS = 'instruction_following'
"""Cluster of the datasets made from instruction files, whose functions belong to the project."""

_READ_BY = ('fields', 'answer', 'expand', 'keep', 'group', 'dialogue', 'ranking')
"""Attributes of a declaration that determine how examples are read; data, splits and templates are identified
separately."""

_ADDRESS = re.compile(r' at 0x[0-9a-f]+')
"""Where an object lies, which many tell of themselves: it is another place in each process."""


def declaration_fingerprint(dataset: Dataset) -> str | None:
    """A fingerprint, sixteen hexadecimal digits, of how a user's module reads a dataset's examples; None for ours.

    It covers the source text of functions, and of the functions and constants of their module that they use.
    """
    if dataset.name in catalogue.OURS or dataset.cluster.name == INSTRUCTIONS:
        return None
    read_by = {name: described(getattr(dataset, name)) for name in _READ_BY}
    return fingerprint(read_by)


def described(value: Any) -> Any:
    """The JSON form of a part of a declaration or of a task; the same in every process."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: described(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {'type': type(value).__name__} | fields
    if isinstance(value, functools.partial):
        return [described(value.func), described(value.args), described(value.keywords)]
    if isinstance(value, Mapping):
        return {str(name): described(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [described(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    return _source(value) if callable(value) else _ADDRESS.sub('', repr(value))


def _source(function: Any) -> Any:
    """The source text of a function, with what it uses of its module; its name if the text is not available."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, '__qualname__', type(function).__qualname__)
    used = _used_by(inspect.unwrap(function), {})
    return [text, used] if used else text


def _used_by(function: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Adds to `found` the functions and constants of its module and its closure that a function uses, recursively."""
    if not inspect.isfunction(function):
        return found
    names = _names(function.__code__)
    used = {name: value for name, value in function.__globals__.items() if name in names} | _closure(function)
    for name in used.keys() - found.keys():
        value = inspect.unwrap(used[name]) if callable(used[name]) else used[name]
        if inspect.isfunction(value) and value.__module__ == function.__module__:
            found[name] = inspect.getsource(value)
            _used_by(value, found)
        elif value is not None and _is_constant(value):
            found[name] = described(value)
    return found


def _closure(function: types.FunctionType) -> dict[str, Any]:
    """The variables of enclosing functions that a function uses."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or ()))
    return {name: cell.cell_contents for name, cell in cells.items() if cell != types.CellType()}


def _is_constant(value: Any) -> bool:
    """Whether a value consists of texts, numbers and patterns; other values may differ between processes."""
    if isinstance(value, Mapping):
        return all(map(_is_constant, [*value, *value.values()]))
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_is_constant, value))
    return value is None or isinstance(value, str | bytes | int | float | re.Pattern)


def _names(code: types.CodeType) -> set[str]:
    """Global names, attributes among them, in a function and in those that it defines."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))
