"""Checks of arguments from Python and of requests: integers, numbers and texts."""

import numbers
import sys
from collections.abc import Iterable
from typing import Any

from flan_jax.errors import UserError


def check_integer(name: str, value: Any, low: int, high: int) -> None:
    """Raises UserError, naming both ends, unless a value is an integer from `low` to `high`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not low <= int(value) <= high:
        raise UserError(f'{name}={value!r}: must be an integer from {low} to {high}')


def check_number(name: str, value: Any) -> None:
    """Raises UserError unless a value is a finite number, or None."""
    if value is None:
        return
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not is_number or not abs(value) <= sys.float_info.max:
        raise UserError(f'{name}={value!r}: must be a number')


def check_texts(name: str, values: Any) -> list[str]:
    """The texts of a list; raises UserError for a single text, which would be read letter by letter, and non-texts."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise UserError(f'{name}={values!r}: must be a list of texts')
    texts = list(values)
    for text in texts:
        if not isinstance(text, str):
            raise UserError(f'{name}: {text!r} is no text')
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise UserError(f'{name}: {text[:80]!r} holds half a character, which is no text') from error
    return texts
