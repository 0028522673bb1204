"""The classes that gin can configure: every settings class that `Run` refers to, directly or not, by type hints.

A field whose class is abstract, such as `Run.objective`, may hold any subclass defined in the same package as the
abstract class. So a new objective, tuning or prompt format is a new file in its package, without an entry in a list.
"""

import dataclasses
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterator
from typing import ClassVar

from flan_jax.model.config import lamda
from flan_jax.run import Run
from flan_jax.settings import Settings

_FUNCTIONS = (lamda,)
"""Functions that derive settings from others."""


def configurables() -> dict[str, Callable]:
    """Classes and functions that gin can call, by name."""
    found: dict[str, Callable] = {member.__name__: member for member in _reachable(Run)}
    return found | {function.__name__: function for function in _FUNCTIONS}


def _reachable(settings: type[Settings]) -> Iterator[type[Settings]]:
    """A class, or its concrete subclasses if it is abstract, and all classes that their fields may hold."""
    if _is_abstract(settings):
        for member in _members(settings):
            yield from _reachable(member)
        return
    yield settings
    hints = typing.get_type_hints(settings)
    for field in dataclasses.fields(settings):
        for held in _settings_in(hints[field.name]):
            yield from _reachable(held)


def _is_abstract(settings: type[Settings]) -> bool:
    """Whether a class has abstract methods, or class variables without a value."""
    hints = typing.get_type_hints(settings)
    unset = [
        name for name, hint in hints.items() if typing.get_origin(hint) is ClassVar and not hasattr(settings, name)
    ]
    return inspect.isabstract(settings) or bool(unset)


def _settings_in(hint) -> Iterator[type[Settings]]:
    if inspect.isclass(hint) and issubclass(hint, Settings):
        yield hint
    for part in typing.get_args(hint):
        yield from _settings_in(part)


def _members(base: type[Settings]) -> list[type[Settings]]:
    """The public subclasses of an abstract class that are defined in its package."""
    package = importlib.import_module(base.__module__.rpartition('.')[0])
    modules = [
        importlib.import_module(f'{package.__name__}.{found.name}') for found in pkgutil.iter_modules(package.__path__)
    ]
    return [
        member
        for module in modules
        for name, member in vars(module).items()
        if inspect.isclass(member)
        and issubclass(member, base)
        and member.__module__ == module.__name__
        and not _is_abstract(member)
        and not name.startswith('_')
    ]
