"""flan_jax: instruction tuning and zero-shot evaluation of language models in JAX."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flan_jax.api import Model, load, render

__version__ = '0.1.0'

__all__ = ['Model', 'load', 'render']


def __getattr__(name: str) -> Any:
    """What `flan_jax.api` has, imported when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from flan_jax import api

    return getattr(api, name)
