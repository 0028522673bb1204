"""Labels in words, for inverted templates, so that they do not quote a label as an answer."""

from __future__ import annotations

from etils import epy

from flan_jax.catalogue.declaration import Field

with epy.lazy_imports():
    import tensorflow as tf


def by_label(*wordings: str, label: str = 'label') -> Field:
    """A field that words the label of an example: `wordings[i]` for label i."""
    return lambda ex: tf.gather(wordings, tf.cast(ex[label], tf.int64))
