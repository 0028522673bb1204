"""A decoder as the lines of a gin file."""

import dataclasses
from typing import Any

from flan_jax.model.config import DecoderConfig


def gin_lines(config: DecoderConfig) -> list[str]:
    """The bindings that make `Run.model` this decoder; what has its default value is left out."""
    return ['Run.model = @DecoderConfig()', *_bindings(config)]


def _bindings(value: Any) -> list[str]:
    lines, nested = [], []
    for field in dataclasses.fields(value):
        chosen = getattr(value, field.name)
        if chosen == field.default:
            continue
        if dataclasses.is_dataclass(chosen):
            nested += _bindings(chosen)
            chosen_text = f'@{type(chosen).__name__}()'
        else:
            chosen_text = repr(chosen)
        lines.append(f'{type(value).__name__}.{field.name} = {chosen_text}')
    return lines + nested
