"""Options in a randomly drawn style and order: the options block, and the answer that belongs to it.

All functions are elementwise over examples, scalars or vectors [n], so that exemplars have the form of their query.
"""

import tensorflow as tf

from flan_jax.catalogue.declaration import ANSWER, OPTIONS, Dataset, TfdsExample
from flan_jax.catalogue.option_styles import LISTED, MARKED
from flan_jax.data.rendering import Values, read_values

CHOICES, RIGHT = 'choices', 'right'
"""Values of an example with options: their joined texts; the index of the first correct one, as digits."""

REPLY = 'reply_to_options'
"""Value of an example: its answer in the style of the shown options, a text or a letter."""

STYLES = (LISTED, *MARKED)
"""The styles, in the order of their indices."""

_SEPARATOR = '\x1f'


def read_drawable(dataset: Dataset, ex: TfdsExample) -> Values:
    """The values that drawn templates may show, scalar strings: fields, answer, options and the correct option."""
    values = read_values(dataset, ex)
    shown = {name: values[name] for name in (*dataset.fields, ANSWER)}
    if not dataset.has_options:
        return shown
    first_right = tf.argmax(tf.cast(values[RIGHT], tf.int32), output_type=tf.int32)
    joined = tf.strings.reduce_join(values[CHOICES], separator=_SEPARATOR)
    return shown | {CHOICES: joined, RIGHT: tf.strings.as_string(first_right)}


def draw_options(values: Values, style: tf.Tensor, shuffle: tf.Tensor, by_mark: tf.Tensor, seed: tf.Tensor) -> Values:
    """The values with the options block, and the answer to it.

    Args:
      values: values from `read_drawable`, scalars or vectors [n].
      style: index of the style.
      shuffle: whether options are in random order, which is a pure function of seed and example.
      by_mark: whether the answer is an option's letter, in styles with letters.
      seed: two integers.
    """
    shape = tf.shape(values[ANSWER])
    choices = tf.strings.split(tf.reshape(values[CHOICES], [-1]), _SEPARATOR)
    right = tf.strings.to_number(tf.reshape(values[RIGHT], [-1]), tf.int64)
    order = tf.cond(shuffle, lambda: _random_order(values, choices, seed), lambda: _given_order(choices))
    choices = tf.RaggedTensor.from_tensor(
        tf.gather(choices.to_tensor(), order, batch_dims=1), lengths=choices.row_lengths()
    )
    shown_at = tf.argmax(tf.cast(order == right[:, tf.newaxis], tf.int32), axis=1)
    marks = tf.constant([each.marks for each in STYLES])[style]
    lines = tf.strings.join(['\n', tf.gather(marks, tf.ragged.range(choices.row_lengths()).flat_values), ' ',
                             choices.flat_values])  # fmt: skip
    block = tf.strings.join(
        [
            tf.constant([each.header for each in STYLES])[style],
            tf.strings.reduce_join(choices.with_flat_values(lines), axis=1),
        ]
    )
    by_mark &= tf.constant([each.answer_is_mark for each in STYLES])[style]
    reply = tf.where(by_mark, tf.gather(marks, shown_at), tf.reshape(values[ANSWER], [-1]))
    return values | {OPTIONS: tf.reshape(block, shape), REPLY: tf.reshape(reply, shape)}


def hide_options(values: Values) -> Values:
    """The values with an empty options block."""
    return values | {OPTIONS: tf.zeros_like(values[ANSWER]), REPLY: values[ANSWER]}


def _given_order(choices: tf.RaggedTensor) -> tf.Tensor:
    """The indices of options as declared, [n, most options]."""
    shape = choices.bounding_shape()
    return tf.broadcast_to(tf.range(shape[1]), shape)


def _random_order(values: Values, choices: tf.RaggedTensor, seed: tf.Tensor) -> tf.Tensor:
    """Indices that shuffle every example's options, [n, most options]; padding stays at the end.

    They depend on seed, fields and options, but not on the answer.
    """
    fields = [tf.reshape(text, [-1]) for name, text in sorted(values.items()) if name not in (ANSWER, RIGHT)]
    example = tf.strings.join([*fields, *tf.unstack(tf.strings.as_string(seed))], '\n')
    places = tf.ragged.range(choices.row_lengths())
    texts = [tf.gather(example, choices.value_rowids()), tf.strings.as_string(places.flat_values)]
    keys = tf.strings.to_hash_bucket_strong(tf.strings.join(texts, '\n'), 2**31 - 1, key=[17, 2022])
    dense = places.with_flat_values(keys).to_tensor(default_value=2**31)
    return tf.cast(tf.argsort(dense, axis=1, stable=True), tf.int64)
