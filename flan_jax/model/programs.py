"""Compiled programs shared by a process: equal settings are traced and compiled once.

Programs keep settings but no weights; `jax.clear_caches()` frees their compiled code.
"""

import functools
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import jax

T = TypeVar('T')

MOST_PROGRAMS = 32
"""Number of programs kept, the least recently used being dropped: each holds compiled code in device memory."""


def shared_jit(function: functools.partial, **options: Hashable) -> Callable:
    """`jax.jit` of a function with bound settings; equal settings and options give the same program.

    `jax.jit` of a new function object would be traced and lowered again for every model, run or call.

    Args:
      function: binds settings, which are kept with the program; arrays must be arguments of the program instead.
      **options: of `jax.jit`.
    """
    named = (tuple(sorted(given.items())) for given in (function.keywords, options))
    return shared(_jitted, function.func, function.args, *named)


def shared(make: 'functools._lru_cache_wrapper[T]', *settings: Any) -> T:
    """The result of a cached function; computed without the cache if a setting, such as a user's rule, has no hash."""
    try:
        hash(settings)
    except TypeError:
        return make.__wrapped__(*settings)
    return make(*settings)


@functools.lru_cache(maxsize=MOST_PROGRAMS)
def _jitted(function: Callable, settings: tuple, named_settings: tuple, options: tuple) -> Callable:
    return jax.jit(functools.partial(function, *settings, **dict(named_settings)), **dict(options))
