"""How answers are decoded, chosen by the few numbers that people give."""

import functools
import numbers
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from flan_jax.errors import UserError
from flan_jax.inference.beam import Beams
from flan_jax.inference.decoding import Decoding
from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.inference.processors.repetition_penalty import RepetitionPenalty
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.processors.top_k import TopK
from flan_jax.inference.processors.top_p import TopP
from flan_jax.inference.sampling import Greedy, Sampling
from flan_jax.settings import SettingsError

_Made = TypeVar('_Made')

LAST_SEED = 2**32 - 1
"""Seeds of sampling are 0 to this."""


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
    """The texts of a list; raises UserError for a text by itself, which would be read letter by letter, or others."""
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


def decoding_of(
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    beams: int | None = None,
    repetition_penalty: float | None = None,
) -> Decoding:
    """Beam search with so many beams; or sampling, by what is given of the others; or the likeliest token. What has
    occurred is penalised in all of them where that is asked for.

    Raises:
      SettingsError: for values that are not allowed.
      UserError: for beams together with sampling.
    """
    penalties: tuple[LogitsProcessor, ...] = ()
    if repetition_penalty is not None:
        penalties = (_made('repetition_penalty', RepetitionPenalty, repetition_penalty),)
    given: dict[str, tuple[Callable[[Any], LogitsProcessor], Any]] = {
        'temperature': (Temperature, temperature),
        'top_k': (TopK, top_k),
        'top_p': (TopP, top_p),
    }
    warpers = tuple(_made(name, make, value) for name, (make, value) in given.items() if value is not None)
    if beams is not None and warpers:
        raise UserError('beam search does not sample: give beams, or temperature, top_k and top_p')
    if beams is not None:
        return _made('beams', functools.partial(Beams, processors=penalties), beams)
    return (Sampling if warpers else Greedy)(processors=penalties + warpers)


def _made(name: str, make: Callable[[Any], _Made], value: Any) -> _Made:
    """What a number makes; raises SettingsError that calls the number as people do, not as the settings made do."""
    try:
        return make(value)
    except SettingsError as error:
        _, _, wrong = str(error).partition('=')
        raise SettingsError(f'{name}={wrong}') from error
