"""Prompt formats, one per file: the text before, between and after the parts of an example. Needs no TensorFlow."""

import dataclasses
import importlib
import pathlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

from flan_jax.data.formats.format import PromptFormat
from flan_jax.errors import UnknownName, UserError


def known_formats() -> dict[str, Callable[..., PromptFormat]]:
    """The formats by name: those of this folder, and subclasses of other modules."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f'{__name__}.{module.name}')
    return {made.__name__.lower(): made for made in PromptFormat.__subclasses__()}


def format_named(name: str) -> PromptFormat:
    """The format with this name and default settings, or the chat template at this path; raises UnknownName."""
    known = known_formats()
    if name not in known and pathlib.Path(name).exists():
        return known['chattemplate'](name)
    return format_of({'name': name})


def format_of(recipe: Mapping[str, Any]) -> PromptFormat:
    """The format that `PromptFormat.recipe` describes; raises UnknownName."""
    known = known_formats()
    if recipe['name'] not in known:
        raise UnknownName('prompt format', recipe['name'], known)
    made: Any = known[recipe['name']]
    settings = [field.name for field in dataclasses.fields(made)]
    required = [field.name for field in dataclasses.fields(made) if field.default is dataclasses.MISSING]
    if missing := [name for name in required if name not in recipe]:
        raise UserError(f'prompt format {recipe["name"]!r} needs {missing[0]!r}; give a {missing[0]} instead')
    return made(**{name: recipe[name] for name in settings if name in recipe})
