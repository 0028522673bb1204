"""Arguments that say how answers are decoded, as Python callers, command lines and requests give them."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, TypeVar

from flan_jax.errors import UnknownName, UserError
from flan_jax.inference.beam import Beams
from flan_jax.inference.checks import check_integer, check_number
from flan_jax.inference.decoding import Decoding
from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.inference.processors.repetition_penalty import RepetitionPenalty
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.processors.top_k import TopK
from flan_jax.inference.processors.top_p import TopP
from flan_jax.inference.sampling import Greedy, Sampling
from flan_jax.settings import SettingsError

_Made = TypeVar('_Made')

MAX_NEW_TOKENS = 128
"""Default for the maximal number of tokens of an answer."""

LAST_SEED = 2**32 - 1
"""Seeds of sampling are integers from 0 to this."""

CHOICES = ('temperature', 'top_k', 'top_p', 'beams', 'repetition_penalty')
"""Arguments that choose a decoding; the argument `decoding` replaces all of them."""


class DecodingArguments(TypedDict, total=False):
    """How answers are decoded; greedily, with at most 128 tokens, if none is given.

    Attributes:
      max_new_tokens: maximal number of tokens of an answer.
      temperature: sample at this temperature.
      top_k: sample among this many most likely tokens.
      top_p: sample among the most likely tokens with this total probability (nucleus sampling).
      beams: beam search with this many beams.
      repetition_penalty: divide positive logits of tokens that have occurred by this, multiply negative ones.
      seed: seed of sampling, from 0 to 2**32 - 1.
      decoding: a `Decoding` with processors of your own, in place of the five choices above `seed`.
    """

    max_new_tokens: int
    temperature: float
    top_k: int
    top_p: float
    beams: int
    repetition_penalty: float
    seed: int
    decoding: Decoding


def check_decoding(decoding: Mapping[str, Any], longest_answer: int) -> None:
    """Raises UserError, or UnknownName, for arguments of `DecodingArguments` that are not allowed."""
    for name, value in decoding.items():
        if name not in DecodingArguments.__annotations__:
            raise UnknownName('argument', name, DecodingArguments.__annotations__)
        if name in CHOICES:
            check_number(name, value)
    chosen = [name for name, value in decoding.items() if name in CHOICES and value is not None]
    if decoding.get('decoding') is not None and chosen:
        raise UserError(
            f'decoding={decoding["decoding"]!r} is given, so that {", ".join(chosen)} would change nothing; '
            'leave out one'
        )
    check_integer('max_new_tokens', decoding.get('max_new_tokens', MAX_NEW_TOKENS), 1, longest_answer)
    check_integer('seed', decoding.get('seed', 0), 0, LAST_SEED)


def resolve_decoding(decoding: Decoding | None = None, **choices: Any) -> Decoding:
    """The given decoding, or the one that the other arguments choose, see `decoding_of`."""
    return decoding_of(**choices) if decoding is None else decoding


def decoding_of(
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    beams: int | None = None,
    repetition_penalty: float | None = None,
) -> Decoding:
    """Beam search if `beams` is given, sampling if `temperature`, `top_k` or `top_p` is, and greedy decoding otherwise;
    each with the repetition penalty, if given.

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
    """Calls `make(value)`; a SettingsError names the argument instead of the settings' field."""
    try:
        return make(value)
    except SettingsError as error:
        _, _, wrong = str(error).partition('=')
        raise SettingsError(f'{name}={wrong}') from error
