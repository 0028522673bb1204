"""Filters of a dataset's examples, joined."""

import tensorflow as tf

from flan_jax.catalogue.declaration import Keep, TfdsExample


def both(first: Keep | None, second: Keep) -> Keep:
    """Examples that two filters keep; the second is asked only of those that the first keeps."""
    if first is None:
        return second

    def test(ex: TfdsExample) -> tf.Tensor:
        return tf.cond(first.test(ex), lambda: second.test(ex), lambda: False)

    return Keep(f'{first.reason}; {second.reason}', test)
