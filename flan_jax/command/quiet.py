"""Imports TensorFlow without its start-up messages, without Keras, and without its access to accelerators."""

import contextlib
import os
import sys
import tempfile
import types
from collections.abc import Iterator

from absl import logging

from flan_jax.stand_ins import standing_in


def import_tensorflow() -> None:
    """Imports TensorFlow for data only: without start-up messages and GPU memory; its libraries log errors only."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
    with _standard_error_held_back(), _without_keras():
        import tensorflow as tf
        import tensorflow_text  # noqa: F401

        tf.config.set_visible_devices([], 'GPU')
        tf.constant(0)
    logging.set_verbosity(logging.ERROR)


def _without_keras() -> contextlib.AbstractContextManager[None]:
    """A context in which importing TensorFlow does not import Keras, which is unused and half of the import time.

    TensorFlow tolerates a failing import of Keras; TensorFlow Text defines layers for it. `tf.keras` still loads it on
    first access.
    """
    layers = 'tensorflow_text.python.keras'
    return standing_in({'keras.src.optimizers': None, layers: types.ModuleType(layers)})


@contextlib.contextmanager
def _standard_error_held_back() -> Iterator[None]:
    """Captures what C++ code writes to standard error, and writes it out only if the body fails."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors='replace'))
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
