"""Keeps compiled programs on disk, so that the next command with the same shapes need not compile them again."""

import pathlib

FOLDER = '~/.cache/flan_jax/xla'
"""Folder of compiled programs, unless JAX_COMPILATION_CACHE_DIR names another."""


def keep_compiled_programs() -> None:
    """Must be called before anything is compiled."""
    import jax

    if jax.config.values['jax_compilation_cache_dir'] is None:
        jax.config.update('jax_compilation_cache_dir', str(pathlib.Path(FOLDER).expanduser()))
