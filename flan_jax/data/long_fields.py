"""Long fields: what of a prompt is shortened where it has too many tokens, so that all the rest of it stays.

A prompt is rendered with marks where its long fields stand. Each of them then keeps as many words as all of them can,
so that the longest loses first; instruction, question and options are never touched. The number of words is found with
the vocabulary and prompt format that the prompt is for, whatever they are.
"""

from collections.abc import Callable

import tensorflow as tf

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.rendering import Values

LONG_FIELDS = 'long_fields'
"""Feature of an example before it is tokenised: the texts whose marks stand in its inputs, strings of shape [n]."""

_MARK = '\x00long\x00'

_WORD = r'(\s*\S{1,40})'
"""A word with the blanks before it; what has no blanks, such as an address or Chinese, is cut after 40 characters."""


def marked(dataset: Dataset, values: Values) -> Values:
    """The values with a mark in place of every long field."""
    return values | {name: tf.constant(f'{_MARK}{i}{_MARK}') for i, name in enumerate(dataset.long_fields)}


def long_texts(dataset: Dataset, values: Values) -> tf.Tensor:
    """The long fields in the order of their marks, strings [n]."""
    return tf.stack([values[name] for name in dataset.long_fields])


def unmarked(prompt: tf.Tensor, texts: tf.Tensor) -> tf.Tensor:
    """A prompt with the texts [n] in place of their marks: what rendering without marks gives."""
    parts = tf.strings.split(prompt, _MARK)
    shown = tf.gather(texts, tf.strings.to_number(parts[1::2], tf.int32))
    return tf.strings.strip(tf.strings.reduce_join(tf.strings.join([parts[::2], tf.concat([shown, ['']], 0)])))


def shortened(
    prompt: tf.Tensor, texts: tf.Tensor, count_tokens: Callable[[tf.Tensor], tf.Tensor], max_tokens: int
) -> tf.Tensor:
    """The prompt with as many words of each text as fit, one at least.

    Args:
      prompt: inputs with marks, a scalar string.
      texts: the long fields, strings [n].
      count_tokens: the tokens of a prompt.
      max_tokens: tokens that it may have.
    """
    words = tf.strings.split(tf.strings.regex_replace(texts, _WORD, rf'\1{_MARK}'), _MARK)

    def with_words(count):
        return unmarked(prompt, tf.strings.reduce_join(words[:, :count], axis=1))

    def fits(count):
        return count_tokens(with_words(count)) <= max_tokens

    def halve(least, most):
        middle = (least + most + 1) // 2
        more = fits(middle)
        return tf.where(more, middle, least), tf.where(more, most, middle - 1)

    longest = tf.cast(tf.reduce_max(words.row_lengths()), tf.int32)
    least, most = tf.while_loop(  # from about as many words as tokens, since a text may have far more
        lambda least, most: (most < longest) & fits(most), lambda least, most: (most, 2 * most), (1, max_tokens)
    )
    count, _ = tf.while_loop(lambda least, most: least < most, halve, (least, tf.minimum(most, longest)))
    return with_words(count)
