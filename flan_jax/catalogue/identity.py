"""What identifies how a dataset of others is declared: streams and records of answers must not outlive a change of it.

The project's own datasets are identified by its version and their templates.
"""

import dataclasses
import functools
import inspect
import types
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.settings import fingerprint

INSTRUCTIONS = 'instruction_following'
"""Cluster of the datasets that instruction files become, which the project declares."""

_READ_BY = ('fields', 'answer', 'expand', 'keep', 'group', 'dialogue', 'ranking')
"""What of a declaration says how an example is read; data, splits and templates are identified by themselves."""


def declaration_fingerprint(dataset: Dataset) -> str | None:
    """Sixteen hexadecimal digits that stand for how a module of others has a dataset's examples read; None for ours.

    A function is known by its source, and by that of the functions and constants of its module that it uses.
    """
    if dataset.name in catalogue.OURS or dataset.cluster.name == INSTRUCTIONS:
        return None
    read_by = {name: _plain(getattr(dataset, name)) for name in _READ_BY}
    return fingerprint(read_by)


def _plain(value: Any) -> Any:
    """A part of a declaration as JSON knows it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {'type': type(value).__name__} | fields
    if isinstance(value, functools.partial):
        return [_plain(value.func), _plain(value.args), _plain(value.keywords)]
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(part) for part in value]
    return _source(value) if callable(value) else repr(value)


def _source(function: Any) -> Any:
    """The text of a function, followed by what it uses of its module; its name where nothing has the text."""
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, '__qualname__', type(function).__qualname__)
    used = _used_by(inspect.unwrap(function), {})
    return [text, used] if used else text


def _used_by(function: Any, found: dict[str, Any]) -> dict[str, Any]:
    """Adds to `found` the functions and constants of its own module that a function uses, and those that these use."""
    if not inspect.isfunction(function):
        return found
    for name in _names(function.__code__) - found.keys():
        value = function.__globals__.get(name)
        if inspect.isfunction(value) and value.__module__ == function.__module__:
            found[name] = inspect.getsource(value)
            _used_by(value, found)
        elif value is not None and _is_json(value):
            found[name] = _plain(value)
    return found


def _is_json(value: Any) -> bool:
    """Whether a constant is of strings and numbers alone: what else it may hold is not written the same every time."""
    if isinstance(value, Mapping):
        return all(map(_is_json, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | int | float)


def _names(code: types.CodeType) -> set[str]:
    """Global names, attributes among them, in a function and in those that it defines."""
    inner = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))
