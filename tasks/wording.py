"""Labels in words: what an inverted template asks for, so that no label is quoted as an answer."""

import tensorflow as tf

from flan_jax.catalogue.declaration import Field


def by_label(*wordings: str, label: str = 'label') -> Field:
    """A field that words the label of an example: `wordings[i]` for label i."""
    return lambda ex: tf.gather(wordings, tf.cast(ex[label], tf.int64))
