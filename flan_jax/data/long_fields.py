"""Long fields: the parts of a prompt that are shortened if it has too many tokens.

A prompt is rendered with marks in place of its long fields. All long fields are then limited to the same number of
words, the largest for which the prompt fits, so that the longest field is shortened first. Instruction, question and
options are never shortened. The number of words depends on vocabulary and prompt format.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.rendering import Shown, Values

LONG_FIELDS = 'long_fields'
"""Feature before tokenisation: the texts for which the inputs contain marks, strings [n]."""

_BYTE = b'\xfe'
"""Delimits the number of a long field in a mark: a byte that occurs in no UTF-8, and therefore in no data."""

_MARK = _BYTE.decode('utf-8', 'surrogateescape')
"""The same in Python strings, for `decoded`."""

_WORD = re.compile(r'([\t\n\f\r ]*[^\t\n\f\r ]{1,40})')
"""A word with the blanks before it; text without blanks, such as a URL or Chinese, is split after 40 characters."""

_BLANKS = ' \t\n\v\f\r'


def marked(dataset: Dataset, values: Values) -> Shown:
    """The values with a mark as the value of every long field."""
    return values | {name: _BYTE + str(i).encode() + _BYTE for i, name in enumerate(dataset.long_fields)}


def long_texts(dataset: Dataset, values: Values) -> tf.Tensor:
    """The long fields in the order of their marks, strings [n]."""
    return tf.stack([values[name] for name in dataset.long_fields])


def unmarked(prompt: tf.Tensor, texts: tf.Tensor) -> tf.Tensor:
    """A prompt with the texts [n] in place of their marks, equal to rendering without marks."""
    parts = tf.strings.split(prompt, _BYTE)
    shown = tf.gather(texts, tf.strings.to_number(parts[1::2], tf.int32))
    return tf.strings.strip(tf.strings.reduce_join(tf.strings.join([parts[::2], tf.concat([shown, ['']], 0)])))


def shortened(prompt: tf.Tensor, texts: tf.Tensor, count_tokens: Callable[[str], int], max_tokens: int) -> tf.Tensor:
    """`shortened_text` for a scalar string and strings [n]. Runs in Python, since a traced search is slow to build."""

    def in_python(prompt, texts):
        prompt = prompt.item() if isinstance(prompt, np.ndarray) else prompt  # an array in eager mode
        return shortened_text(decoded(prompt), [text.decode() for text in texts], count_tokens, max_tokens).encode()

    return tf.ensure_shape(tf.numpy_function(in_python, (prompt, texts), tf.string, stateful=False), [])


def decoded(prompt: bytes) -> str:
    """A prompt with marks as a Python string, for `unmarked_text` and `shortened_text`."""
    return _MARK.join(part.decode() for part in prompt.split(_BYTE))


def shortened_text(prompt: str, texts: Sequence[str], count_tokens: Callable[[str], int], max_tokens: int) -> str:
    """The prompt with as many words of each text as fit, at least one.

    Args:
      prompt: inputs with marks.
      texts: the long fields.
      count_tokens: returns the number of tokens of a prompt.
      max_tokens: maximal tokens of the prompt.
    """
    words = [_WORD.sub(rf'\1{_MARK}', text).split(_MARK) for text in texts]

    def with_words(count):
        return unmarked_text(prompt, [''.join(text_words[:count]) for text_words in words])

    def fits(count):
        return count_tokens(with_words(count)) <= max_tokens

    longest = max(map(len, words))
    least, most = 1, max_tokens  # starts at one word per token, because texts may be much longer than the limit
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
