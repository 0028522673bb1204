"""Plain-text layouts of few-shot prompts, as in Flan 2022: how exemplars and query are joined to one text.

FLAN instead separates exemplars by EOS, which is a matter of the prompt format.
"""

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from flan_jax.data.long_fields import LONG_FIELDS
from flan_jax.data.rendering import Values, interpolate
from flan_jax.data.seqio_vocabulary import seqio_vocabulary
from flan_jax.data.tokenize import FormatTokenizer
from flan_jax.data.tokenized import EXEMPLARS, INPUTS, TARGETS

LAYOUT = 'layout'
"""Feature before tokenisation: the index of the layout."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """The texts of exemplars and query.

    Attributes:
      exemplar: template with {input} and {target} of the exemplar, and its {number}, from 1.
      query: template with {input} of the query, and its {number}, which follows those of the exemplars.
    """

    exemplar: str
    query: str


LAYOUTS = (
    Layout('{input}\n\n{target}\n\n\n', '{input}'),
    Layout('Q: {input}\nA: {target}\n\n', 'Q: {input}\nA:'),
    Layout('Input: {input}\nOutput: {target}\n\n', 'Input: {input}\nOutput:'),
    Layout('Example {number}\n{input}\nAnswer: {target}\n\n', 'Example {number}\n{input}\nAnswer:'),
    Layout('{input}\n=> {target}\n---\n', '{input}\n=>'),
)
"""The layouts, in the order of their indices. The first is the default of the original's few-shot code."""


def tokenize_laid_out(example: Values, lengths: Mapping[str, int], tokenizer: FormatTokenizer, bound: int) -> Values:
    """Tokenises inputs, with exemplars in a layout, and targets into prompt and response.

    Args:
      example: inputs, targets, `EXEMPLARS` and `LAYOUT`; `LONG_FIELDS` if the inputs contain marks.
      lengths: maximal tokens of inputs and targets; empty for no limit.
      tokenizer: for the run's prompt format and vocabulary.
      bound: maximal tokens of a prompt with exemplars. Exemplars that do not fit are left out, from the last on.

    Returns:
      The same features as `flan_jax.data.tokenize.example_tokenizer`, including `CUTS`.
    """
    kept = {name: value for name, value in example.items() if name not in (EXEMPLARS, LAYOUT, LONG_FIELDS)}
    query, _, cuts = tokenizer.fit(example[INPUTS], example.get(LONG_FIELDS), lengths.get(INPUTS))
    most = min(bound, lengths.get(INPUTS) or bound)
    text, shots = fitted(tokenizer, query, example[EXEMPLARS], example[LAYOUT], most)
    response, cut = tokenizer.fit_response(example[TARGETS], lengths.get(TARGETS))
    texts = {f'{INPUTS}_pretokenized': tokenizer.readable(text), f'{TARGETS}_pretokenized': example[TARGETS]}
    tokens = {INPUTS: tokenizer.prompt(text, lengths.get(INPUTS)), TARGETS: response, 'shots': shots}
    return kept | cuts | cut | texts | tokens


def fitted(
    tokenizer: FormatTokenizer, text: tf.Tensor, exemplars: tf.Tensor, layout: tf.Tensor, bound: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The query after as many of the first exemplars as fit into `bound` tokens.

    Args:
      tokenizer: counts tokens.
      text: the query, a scalar string.
      exemplars: inputs and targets, alternating, strings [2n].
      layout: index of the layout.
      bound: maximal tokens of the whole prompt.

    Returns:
      The text of the prompt, and the number of exemplars in it.
    """

    def with_exemplars(shots):
        before = tf.strings.reduce_join(written_exemplars(exemplars, layout)[:shots])
        return tf.strings.join([before, _written_query(text, layout, shots)])

    def size(shots):
        return tf.size(tokenizer.prompt(with_exemplars(shots)))

    def most():
        parts = seqio_vocabulary(tokenizer.vocabulary).encode_tf(written_exemplars(exemplars, layout))
        alone = tf.size(tokenizer.prompt(text), tf.int64)
        return tf.math.count_nonzero(tf.cumsum(parts.row_lengths()) <= bound - alone, dtype=tf.int32)

    shots = tf.cond(tf.size(exemplars) > 0, most, lambda: tf.constant(0))
    shots = tf.while_loop(lambda shots: (shots > 0) & (size(shots) > bound), lambda shots: [shots - 1], [shots])[0]
    return tf.cond(shots > 0, lambda: with_exemplars(shots), lambda: text), shots


def written_exemplars(exemplars: tf.Tensor, layout: tf.Tensor) -> tf.Tensor:
    """The texts of exemplars in a layout, strings [n]."""
    numbers = tf.strings.as_string(tf.range(1, tf.size(exemplars) // 2 + 1))
    solved = {'input': exemplars[::2], 'target': exemplars[1::2], 'number': numbers}
    return tf.stack([interpolate(each.exemplar, solved) for each in LAYOUTS])[layout]


def _written_query(text: tf.Tensor, layout: tf.Tensor, shots: tf.Tensor) -> tf.Tensor:
    values = {'input': text, 'number': tf.strings.as_string(shots + 1)}
    return tf.stack([interpolate(each.query, values) for each in LAYOUTS])[layout]
