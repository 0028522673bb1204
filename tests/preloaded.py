"""What a command imports before its work begins: tests/forked.py forks its processes from one that has done so.

TensorFlow is imported and not used, and JAX has no devices yet: what starts threads, each process does for itself.
"""

import gc
import importlib
import os

os.environ['JAX_PLATFORMS'] = 'cpu'

from jax._src import compilation_cache, compiler

from flan_jax import catalogue
from flan_jax.command.quiet import _standard_error_held_back, _without_keras
from tests.one_context import lower_in_one_context

with _standard_error_held_back(), _without_keras():
    import tensorflow  # noqa: F401
    import tensorflow_text  # noqa: F401

catalogue.load()
for module in ('command.run', 'evaluation.evaluator', 'studies.run_evaluation', 'training.program', 'training.train'):
    importlib.import_module(f'flan_jax.{module}')


def _keep_program(key, seconds, name, backend, executable, host_callbacks):
    """Keeps a compiled program, whichever process of a job this is: JAX lets the first alone, for the sake of buckets.

    The programs of each process are its own, so the others would compile theirs in every job.
    """
    if not host_callbacks:
        compilation_cache.put_executable_and_time(key, name, executable, backend, int(seconds))


compiler._cache_write = _keep_program
lower_in_one_context()
gc.freeze()
