"""What identifies how a dataset of others is declared: streams and records of answers must not outlive a change of it.

The project's own datasets are identified by its version and their templates.
"""

import dataclasses
import functools
import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.settings import fingerprint

INSTRUCTIONS = 'instruction_following'
"""Cluster of the datasets that instruction files become, which the project declares."""

_READ_BY = ('fields', 'answer', 'expand', 'keep', 'group', 'dialogue', 'ranking')
"""What of a declaration says how an example is read; data, splits and templates are identified by themselves."""

_ADDRESS = re.compile(r' at 0x[0-9a-f]+')
"""Where an object lies, which many tell of themselves: it is another place in each process."""


def declaration_fingerprint(dataset: Dataset) -> str | None:
    """Sixteen hexadecimal digits that stand for how a module of others has a dataset's examples read; None for ours.

    Functions are known by their source, not by that of what they call.
    """
    if dataset.name in catalogue.OURS or dataset.cluster.name == INSTRUCTIONS:
        return None
    read_by = {name: described(getattr(dataset, name)) for name in _READ_BY}
    return fingerprint(read_by)


def described(value: Any) -> Any:
    """A part of a declaration, or of a task, as JSON knows it; the same in every process."""
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


def _source(function: Any) -> str:
    """The text of a function; its name where nothing has the text."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, '__qualname__', type(function).__qualname__)
