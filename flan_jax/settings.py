"""The base class of settings: frozen dataclasses whose type hints define the allowed values.

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Training(Settings):
        steps: Annotated[int, AtLeast(1)] = 30_000

`Training(steps=0)` raises "Training.steps=0: must be an integer of at least 1". Every package has its own settings;
`flan_jax.run.Run` combines them.
"""

import dataclasses
import hashlib
import json
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from flan_jax.errors import UserError


class SettingsError(UserError, ValueError):
    """A setting, or a combination of settings, cannot work."""


@dataclasses.dataclass(frozen=True)
class AtLeast:
    """A number greater than or equal to `low`."""

    low: float

    def allows(self, value: float) -> bool:
        return value >= self.low

    def __str__(self) -> str:
        return f'of at least {self.low}'


@dataclasses.dataclass(frozen=True)
class Above:
    """A number greater than `low`."""

    low: float

    def allows(self, value: float) -> bool:
        return value > self.low

    def __str__(self) -> str:
        return f'above {self.low}'


@dataclasses.dataclass(frozen=True)
class Between:
    """A number from `low` to `high`, both included."""

    low: float
    high: float

    def allows(self, value: float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f'from {self.low} to {self.high}'


@dataclasses.dataclass(frozen=True)
class NotEmpty:
    """A string or a tuple that is not empty."""

    def allows(self, value: str | tuple) -> bool:
        return len(value) > 0

    def __str__(self) -> str:
        return '(not empty)'


Count = Annotated[int, AtLeast(1)]
"""A number of things; `Count | None` where there may be no bound."""

Positive = Annotated[float, Above(0)]
"""A positive number, such as a size or a rate."""

Text = Annotated[str, NotEmpty()]
"""A string that is not empty, such as a name or a pattern."""

Path = Annotated[str, NotEmpty()]
"""A file or folder, on a disk or in a bucket."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Base class of settings: checks every field when an instance is created.

    Instances with equal fields are interchangeable: they share compiled programs, streams and recorded answers.
    Everything that affects results must therefore be a field. Fields that affect no result have `compare=False`.
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if '__init__' in vars(cls):
            raise SettingsError(
                f'{cls.__name__}.__init__: settings have none of their own, for all they hold must be fields; write '
                f'them as `name: type` and decorate {cls.__name__} with @dataclasses.dataclass(frozen=True)'
            )

    def __post_init__(self):
        hints = typing.get_type_hints(type(self), include_extras=True)
        for field in dataclasses.fields(self):
            value, hint = getattr(self, field.name), hints[field.name]
            if not allows(hint, value):
                raise SettingsError(f'{type(self).__name__}.{field.name}={_shortened(value)}: must be {describe(hint)}')
        self.check()

    def check(self) -> None:
        """Raises SettingsError if fields contradict each other; subclasses override this."""


def _shortened(value: Any, longest: int = 200) -> str:
    """The repr of a value, truncated if it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        return 'an integer of thousands of digits'
    return text if len(text) <= longest else f'{text[:longest]}...'


def allows(hint: Any, value: Any) -> bool:
    """Whether a type hint of a setting allows a value.

    Hints are bool, int, float, str, None, other settings, Literal, unions, tuple[X, ...], and Annotated with
    constraints such as `AtLeast`. A bool is no int; an int is a float; a float must be finite.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return allows(arguments[0], value) and all(constraint.allows(value) for constraint in arguments[1:])
    if origin in (typing.Union, types.UnionType):
        return any(allows(option, value) for option in arguments)
    if origin is Literal:
        return any(value == choice and type(value) is type(choice) for choice in arguments)
    if origin is tuple:
        return isinstance(value, tuple) and all(allows(arguments[0], element) for element in value)
    if hint in (int, float):
        return isinstance(value, int | hint) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, hint)


def describe(hint: Any) -> str:
    """The values that a type hint allows, in words."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return ' '.join([describe(arguments[0]), *map(str, arguments[1:])])
    if origin in (typing.Union, types.UnionType):
        return ' or '.join(map(describe, arguments))
    if origin is Literal:
        return ('one of ' if len(arguments) > 1 else '') + ', '.join(map(repr, arguments))
    if origin is tuple:
        return f'a tuple such as (x,) or (x, y), each {describe(arguments[0])}'
    words = {bool: 'True or False', int: 'an integer', float: 'a number', str: 'a string', type(None): 'None'}
    return words.get(hint) or ' or '.join(f'@{member.__name__}()' for member in hint.__subclasses__() or [hint])


def as_plain(value: Any) -> Any:
    """The JSON form of settings: a mapping with the name of the class as 'type', tuples as lists."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: as_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {'type': type(value).__name__} | fields
    if isinstance(value, Mapping):
        return {name: as_plain(item) for name, item in value.items()}
    return [as_plain(item) for item in value] if isinstance(value, list | tuple) else value


def from_plain(plain: Any, classes: Iterable[type[Settings]]) -> Any:
    """The inverse of `as_plain`: settings from their JSON form, each an instance of one of `classes`.

    Raises:
      SettingsError: if a type or a field is unknown, or a field is missing.
    """
    known = {made.__name__: made for made in classes}
    if isinstance(plain, list):
        return tuple(from_plain(item, known.values()) for item in plain)
    if not isinstance(plain, Mapping):
        return plain
    fields = {name: from_plain(item, known.values()) for name, item in plain.items()}
    made = known.get(str(fields.pop('type', None)))
    if made is None:
        raise SettingsError(f'type={_shortened(plain.get("type"))}: must be one of {", ".join(sorted(known))}')
    allowed = {field.name: field for field in dataclasses.fields(made)}
    required = {
        name for name, field in allowed.items() if field.default is field.default_factory is dataclasses.MISSING
    }
    if wrong := sorted(fields.keys() - allowed.keys()) or sorted(required - fields.keys()):
        raise SettingsError(f'{made.__name__}.{wrong[0]}: {"unknown" if wrong[0] in fields else "missing"}')
    return made(**fields)


def settings_in(module: types.ModuleType) -> list[type[Settings]]:
    """The settings classes that a module defines."""
    members = [member for member in vars(module).values() if isinstance(member, type) and issubclass(member, Settings)]
    return [member for member in members if member.__module__ == module.__name__]


def identity(value: Any) -> Any:
    """As `as_plain`, without fields that affect no result (`compare=False`)."""
    if dataclasses.is_dataclass(value):
        compared = (field.name for field in dataclasses.fields(value) if field.compare)
        return {'type': type(value).__name__} | {name: identity(getattr(value, name)) for name in compared}
    if isinstance(value, Mapping):
        return {name: identity(item) for name, item in value.items()}
    return [identity(item) for item in value] if isinstance(value, list | tuple) else value


def fingerprint(value: Any) -> str:
    """A hash, sixteen hexadecimal digits, of the `identity` of settings, or of any JSON value."""
    canonical = json.dumps(identity(value), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def bindings(settings: Settings, defaults: bool = True) -> list[str]:
    """Gin bindings such as 'Training.steps = 60' that reproduce settings; nested settings come after their parents.

    Args:
      settings: the settings.
      defaults: whether fields with their default value have a line.
    """
    return _bindings(settings, defaults, scope='')


def _bindings(settings: Settings, defaults: bool, scope: str) -> list[str]:
    """As `bindings`; a gin scope such as 'parts_0/' distinguishes several settings of one class."""
    lines, nested = [], []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if not defaults and value == field.default:
            continue
        held = _held(field.name, value, scope)
        references = [f'@{inner}{type(member).__name__}()' for inner, member in held]
        text = f'({", ".join(references)},)' if isinstance(value, tuple) else ''.join(references)
        lines.append(f'{scope}{type(settings).__name__}.{field.name} = {text if held else repr(value)}')
        for inner, member in held:
            nested += _bindings(member, defaults, inner)
    return lines + nested


def _held(name: str, value: Any, scope: str) -> list[tuple[str, Settings]]:
    """The settings in a field, each with its gin scope; several in a tuple have a scope each."""
    if isinstance(value, Settings):
        return [(scope, value)]
    members = value if isinstance(value, tuple) and all(isinstance(member, Settings) for member in value) else ()
    scopes = [scope] if len(members) == 1 else [f'{name}_{index}/' for index in range(len(members))]
    return list(zip(scopes, members))
