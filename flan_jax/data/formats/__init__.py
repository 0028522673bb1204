"""Prompt formats, one a file: what stands before, between and after the texts of an example. Needs no TensorFlow."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from flan_jax.data.formats.format import PromptFormat
from flan_jax.errors import UnknownName


def known_formats() -> dict[str, type[PromptFormat]]:
    """The formats by name: those of this folder, and subclasses that other modules have made."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f'{__name__}.{module.name}')
    return {made.__name__.lower(): made for made in PromptFormat.__subclasses__()}


def format_of(recipe: Mapping[str, Any]) -> PromptFormat:
    """The format that `PromptFormat.recipe` describes; raises UnknownName."""
    known = known_formats()
    if recipe['name'] not in known:
        raise UnknownName('prompt format', recipe['name'], known)
    made = known[recipe['name']]
    settings = [field.name for field in dataclasses.fields(made)]
    return made(**{name: recipe[name] for name in settings if name in recipe})
