"""How tests lower programs: what JAX does anew for each of them is kept for those that follow in a process."""

import functools

from jax._src.interpreters import mlir


def lower_in_one_context():
    """Lowers in one MLIR context from now on: JAX loads all dialects into a new one for each program.

    It took an eighth of the time. What is lowered is the same; only memory that a context keeps is not given back.
    """
    mlir.make_ir_context = functools.cache(mlir.make_ir_context)


def lower_equal_operations_once():
    """Keeps the MLIR of an operation for the programs after: JAX lowers it once for each program that has it.

    It took a sixth of the time. Four of five operations are there by then. What refers to another function, as loops
    and calls do, belongs to its program and is not kept. Programs are the same to the byte: all are found in the cache.
    """
    lower, kept = mlir._cached_lowering_miss, {}

    def lower_or_find(ctx, equation, key, *arguments, **params):
        found = kept.get(key) or lower(ctx, equation, key, *arguments, **params)
        if found.inline and not found.const_args and (key in kept or str(found.func).count('@') == 1):
            ctx.lowering_cache[key] = kept[key] = found
        return found

    mlir._cached_lowering_miss = lower_or_find
