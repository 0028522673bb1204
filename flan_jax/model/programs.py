"""Compiled programs that a process shares: what equal settings ask for is traced and compiled once.

They keep settings and no weights; `jax.clear_caches()` frees what is compiled of all of them.
"""

import functools
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import jax

T = TypeVar('T')

MOST_PROGRAMS = 32
"""Programs that are kept, those that were asked for last: a device's memory holds what is compiled of each."""


def shared_jit(function: functools.partial, **options: Hashable) -> Callable:
    """`jax.jit` of a function whose settings are given; it is the same program wherever settings and options are equal.

    A program that is made anew for every model, run or call would be traced and lowered again each time, however often
    an equal one was there before.

    Args:
      function: with settings, which are kept with the program; arrays are arguments of the program instead.
      options: of `jax.jit`.
    """
    named = (tuple(sorted(given.items())) for given in (function.keywords, options))
    return shared(_jitted, function.func, function.args, *named)


def shared(make: 'functools._lru_cache_wrapper[T]', *settings: Any) -> T:
    """What a function with a cache makes of settings; made anew where one, such as a user's rule, has no hash."""
    try:
        hash(settings)
    except TypeError:
        return make.__wrapped__(*settings)
    return make(*settings)


@functools.lru_cache(maxsize=MOST_PROGRAMS)
def _jitted(function: Callable, settings: tuple, named_settings: tuple, options: tuple) -> Callable:
    return jax.jit(functools.partial(function, *settings, **dict(named_settings)), **dict(options))
