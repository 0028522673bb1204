"""The base of all settings: frozen dataclasses that gin files fill in, each in the room that it is for.

What a run consists of as a whole: `flan_jax.run.Run`.
"""

import typing
from typing import Literal

from flan_jax.errors import UserError


class SettingsError(UserError):
    """A setting, or a combination of settings, cannot work."""


def check_choices(settings) -> None:
    """Raises SettingsError where a setting of few choices has another value."""
    for name, hint in typing.get_type_hints(type(settings)).items():
        value, choices = getattr(settings, name), typing.get_args(hint)
        if typing.get_origin(hint) is Literal and value not in choices:
            raise SettingsError(f'{type(settings).__name__}.{name}={value!r}: choose one of {", ".join(choices)}')
