"""Compiled programs that a process shares: what equal settings ask for is traced and compiled once."""

import functools
from collections.abc import Callable, Hashable

import jax

MOST_PROGRAMS = 32
"""Programs that are kept, those that were asked for last: a device's memory holds what is compiled of each."""


def shared_jit(function: functools.partial, **options: Hashable) -> Callable:
    """`jax.jit` of a function whose settings are given; it is the same program wherever settings and options are equal.

    A program that is made anew for every model, run or call would be traced and lowered again each time, however often
    an equal one was there before.

    Args:
      function: with settings, which are kept with the program; arrays are arguments of the program instead.
      options: of `jax.jit`.

    Raises:
      TypeError: if a setting or an option has no hash.
    """
    named = (tuple(sorted(given.items())) for given in (function.keywords, options))
    return _jitted(function.func, function.args, *named)


@functools.lru_cache(maxsize=MOST_PROGRAMS)
def _jitted(function: Callable, settings: tuple, named_settings: tuple, options: tuple) -> Callable:
    return jax.jit(functools.partial(function, *settings, **dict(named_settings)), **dict(options))
