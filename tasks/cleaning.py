"""Cleaning: rules that undo tokenisation and mark-up in texts, and fields that apply them."""

from __future__ import annotations

from collections.abc import Callable

from etils import epy

from flan_jax.catalogue.declaration import Field, TfdsExample

with epy.lazy_imports():
    import tensorflow as tf

Rules = tuple[tuple[str, str], ...]
"""Patterns (RE2) with their replacements, applied in turn."""

ONE_LINE: Rules = ((r'[\s\pZ]+', ' '),)
"""Any run of blanks and line breaks becomes one space."""

PARAGRAPHS: Rules = (
    (r'[ \t\r]*\n\s*', '\n'),
    (r'[ \t]+', ' '),
    (r'\n([,.;:)])', r'\1'),  # a line broken before its punctuation, where a link was taken out
)
"""Single spaces, and single line breaks between paragraphs."""

DETOKENIZED: Rules = (
    (r"``|''", '"'),
    (r'(^|\s)" ([^"]+?) "', r'\1"\2"'),
    (r'\. \. \.', '...'),
    (r' (\.(?:$|[\s"]))', r'\1'),
    (r" ('(?:d|ll|m|re|s|t|ve)\b|n't\b)", r'\1'),
)
"""Quotation marks, full stops and contractions without the blanks that a tokeniser puts beside them."""


def rewrite(text: tf.Tensor, rules: Rules) -> tf.Tensor:
    """The text after all rules, without blanks at either end; strings of any shape."""
    text = tf.strings.strip(text)
    for pattern, replacement in rules:
        text = tf.strings.regex_replace(text, pattern, replacement)
    return tf.strings.strip(text)


def clean(feature: str, rules: Rules = ()) -> Callable[[TfdsExample], tf.Tensor]:
    """A field: the feature after the rules, without blanks at either end."""
    return lambda ex: rewrite(ex[feature], rules)


def cleaned(*features: str, rules: Rules = ()) -> dict[str, Field]:
    """Fields named like the features that they clean."""
    return {feature: clean(feature, rules) for feature in features}
