"""Long fields: what of a prompt is shortened where it has too many tokens, so that all the rest of it stays.

A prompt is rendered with marks where its long fields stand. Each of them then keeps as many words as all of them can,
so that the longest loses first; instruction, question and options are never touched. The number of words is found with
the vocabulary and prompt format that the prompt is for, whatever they are.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.rendering import Shown, Values

LONG_FIELDS = 'long_fields'
"""Feature of an example before it is tokenised: the texts whose marks stand in its inputs, strings of shape [n]."""

_BYTE = b'\xfe'
"""Stands before and after the number of a long field: a byte that no UTF-8 has, so no text of data has it either."""

_MARK = _BYTE.decode('utf-8', 'surrogateescape')
"""The same in Python's strings, for `decoded`."""

_WORD = re.compile(r'([\t\n\f\r ]*[^\t\n\f\r ]{1,40})')
"""A word with the blanks before it; what has no blanks, such as an address or Chinese, is cut after 40 characters."""

_BLANKS = ' \t\n\v\f\r'


def marked(dataset: Dataset, values: Values) -> Shown:
    """The values with a mark in place of every long field."""
    return values | {name: _BYTE + str(i).encode() + _BYTE for i, name in enumerate(dataset.long_fields)}


def long_texts(dataset: Dataset, values: Values) -> tf.Tensor:
    """The long fields in the order of their marks, strings [n]."""
    return tf.stack([values[name] for name in dataset.long_fields])


def unmarked(prompt: tf.Tensor, texts: tf.Tensor) -> tf.Tensor:
    """A prompt with the texts [n] in place of their marks: what rendering without marks gives."""
    parts = tf.strings.split(prompt, _BYTE)
    shown = tf.gather(texts, tf.strings.to_number(parts[1::2], tf.int32))
    return tf.strings.strip(tf.strings.reduce_join(tf.strings.join([parts[::2], tf.concat([shown, ['']], 0)])))


def shortened(prompt: tf.Tensor, texts: tf.Tensor, count_tokens: Callable[[str], int], max_tokens: int) -> tf.Tensor:
    """`shortened_text` of scalar and [n] strings. It runs Python: a search traced as a graph is slow to begin."""

    def in_python(prompt, texts):
        prompt = prompt.item() if isinstance(prompt, np.ndarray) else prompt  # an array outside of graphs
        return shortened_text(decoded(prompt), [text.decode() for text in texts], count_tokens, max_tokens).encode()

    return tf.ensure_shape(tf.numpy_function(in_python, (prompt, texts), tf.string, stateful=False), [])


def decoded(prompt: bytes) -> str:
    """A prompt with marks as `unmarked_text` and `shortened_text` take it."""
    return _MARK.join(part.decode() for part in prompt.split(_BYTE))


def shortened_text(prompt: str, texts: Sequence[str], count_tokens: Callable[[str], int], max_tokens: int) -> str:
    """The prompt with as many words of each text as fit, one at least.

    Args:
      prompt: inputs with marks.
      texts: the long fields.
      count_tokens: the tokens of a prompt.
      max_tokens: tokens that it may have.
    """
    words = [_WORD.sub(rf'\1{_MARK}', text).split(_MARK) for text in texts]

    def with_words(count):
        return unmarked_text(prompt, [''.join(of_text[:count]) for of_text in words])

    def fits(count):
        return count_tokens(with_words(count)) <= max_tokens

    longest = max(map(len, words))
    least, most = 1, max_tokens  # from about as many words as tokens, since a text may have far more
    while most < longest and fits(most):
        least, most = most, 2 * most
    most = min(most, longest)
    while least < most:
        middle = (least + most + 1) // 2
        least, most = (middle, most) if fits(middle) else (least, middle - 1)
    return with_words(least)


def unmarked_text(prompt: str, texts: Sequence[str]) -> str:
    """`unmarked` in Python."""
    parts = prompt.split(_MARK)
    parts[1::2] = [texts[int(number)] for number in parts[1::2]]
    return ''.join(parts).strip(_BLANKS)
