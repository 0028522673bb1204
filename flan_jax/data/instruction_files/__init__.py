"""Formats of instruction files, one per module: each turns a row of a file into a `Conversation`."""

import importlib
import pkgutil
from types import ModuleType

from flan_jax.errors import UnknownName


def known_formats() -> dict[str, ModuleType]:
    """The formats by name: the modules of this folder with a function `read`."""
    found = {
        module.name: importlib.import_module(f'{__name__}.{module.name}') for module in pkgutil.iter_modules(__path__)
    }
    return {name: module for name, module in found.items() if hasattr(module, 'read')}


def format_called(name: str) -> ModuleType:
    """The format with this name; raises UnknownName."""
    known = known_formats()
    if name not in known:
        raise UnknownName('format of instruction files', name, known)
    return known[name]
