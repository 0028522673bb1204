"""What identifies how a dataset of others is declared: streams and records of answers must not outlive a change of it.

The project's own datasets are identified by its version and their templates.
"""

import dataclasses
import functools
import inspect
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

    Functions are known by their source, not by that of what they call.
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


def _source(function: Any) -> str:
    """The text of a function; its name where nothing has the text."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, '__qualname__', type(function).__qualname__)
