"""Lowers all programs of a process in one MLIR context: JAX loads all dialects into a new one for each program."""

import functools

from jax._src.interpreters import mlir


def lower_in_one_context():
    """From now on; it took an eighth of the time.

    What is lowered is the same; only memory that a context keeps is not given back.
    """
    mlir.make_ir_context = functools.cache(mlir.make_ir_context)
