"""flan_jax: instruction tuning and zero-shot evaluation of language models in JAX."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flan_jax.api import Model, load, render
    from flan_jax.command.call import call

__version__ = '0.1.0'

__all__ = ['Model', 'call', 'load', 'render']


def __getattr__(name: str) -> Any:
    """Imports the public names on first use, so that `import flan_jax` stays fast."""
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    if name == 'call':
        from flan_jax.command.call import call

        return call
    from flan_jax import api

    return getattr(api, name)
