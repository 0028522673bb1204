"""Fingerprints of users' declarations, so that streams and records are not reused after a declaration changes.

The project's own datasets are identified by version and templates.
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
"""Cluster of the datasets made from instruction files, whose functions belong to the project."""

_READ_BY = ('fields', 'answer', 'expand', 'keep', 'group', 'dialogue', 'ranking')
"""Attributes of a declaration that determine how examples are read; data, splits and templates are identified
separately."""


def declaration_fingerprint(dataset: Dataset) -> str | None:
    """A fingerprint, sixteen hexadecimal digits, of how a user's module reads a dataset's examples; None for ours.

    It covers the source text of functions, but not of the functions that these call.
    """
    if dataset.name in catalogue.OURS or dataset.cluster.name == INSTRUCTIONS:
        return None
    read_by = {name: _plain(getattr(dataset, name)) for name in _READ_BY}
    return fingerprint(read_by)


def _plain(value: Any) -> Any:
    """The JSON form of a part of a declaration."""
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
    """The source text of a function; its name if the text is not available."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, '__qualname__', type(function).__qualname__)
