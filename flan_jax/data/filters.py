"""Conjunction of filters of a dataset's examples."""

import tensorflow as tf

from flan_jax.catalogue.declaration import Keep, TfdsExample


def both(first: Keep | None, second: Keep) -> Keep:
    """Keeps the examples that both filters keep; the second is only evaluated if the first keeps an example."""
    if first is None:
        return second

    def test(ex: TfdsExample) -> tf.Tensor:
        return tf.cond(first.test(ex), lambda: second.test(ex), lambda: False)

    return Keep(f'{first.reason}; {second.reason}', test)
