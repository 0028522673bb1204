"""Compiled programs are kept between runs."""

import pathlib

FOLDER = '~/.cache/flan_jax/xla'
"""Where they are kept, unless JAX is told otherwise."""


def keep_compiled_programs() -> None:
    """To be called before anything is compiled."""
    import jax

    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update('jax_compilation_cache_dir', str(pathlib.Path(FOLDER).expanduser()))
