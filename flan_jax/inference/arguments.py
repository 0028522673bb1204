"""How answers are decoded, as arguments from Python say it."""

from collections.abc import Mapping
from typing import Any, TypedDict

from flan_jax.errors import UnknownName, UserError
from flan_jax.inference.chosen import LAST_SEED, check_integer, check_number, decoding_of
from flan_jax.inference.decoding import Decoding as DecodingMethod

MAX_NEW_TOKENS = 128
"""Tokens of an answer at most, where nothing else is said."""

CHOSEN = ('temperature', 'top_k', 'top_p', 'beams', 'repetition_penalty')
"""Arguments of `Decoding` that choose a decoding, in whose place `decoding` may stand."""


class Decoding(TypedDict, total=False):
    """How answers are decoded; without any of them the likeliest token is taken, 128 times at most.

    Attributes:
      max_new_tokens: tokens of an answer at most.
      temperature: sample at this temperature.
      top_k: sample among so many likeliest tokens.
      top_p: sample among the likeliest tokens of this total probability.
      beams: beam search with so many beams.
      repetition_penalty: divide positive logits of tokens that have occurred by this.
      seed: of sampling, from 0 to 2**32 - 1.
      decoding: in place of the five before `seed`, what `flan_jax.inference` has, with processors of your own.
    """

    max_new_tokens: int
    temperature: float
    top_k: int
    top_p: float
    beams: int
    repetition_penalty: float
    seed: int
    decoding: DecodingMethod


def check_decoding(decoding: Mapping[str, Any], longest_answer: int) -> None:
    """Raises UserError, or UnknownName, for decoding that is not allowed."""
    for name, value in decoding.items():
        if name not in Decoding.__annotations__:
            raise UnknownName('argument', name, Decoding.__annotations__)
        if name in CHOSEN:
            check_number(name, value)
    chosen = [name for name, value in decoding.items() if name in CHOSEN and value is not None]
    if decoding.get('decoding') is not None and chosen:
        raise UserError(
            f'decoding={decoding["decoding"]!r} is given, so that {", ".join(chosen)} would change nothing; '
            'leave out one'
        )
    check_integer('max_new_tokens', decoding.get('max_new_tokens', MAX_NEW_TOKENS), 1, longest_answer)
    check_integer('seed', decoding.get('seed', 0), 0, LAST_SEED)


def method_of(decoding: DecodingMethod | None = None, **chosen: Any) -> DecodingMethod:
    """The decoding that is given, or that the other arguments choose."""
    return decoding_of(**chosen) if decoding is None else decoding
