"""Rendering of an example and a template into `inputs` and `targets`, in TensorFlow ops."""

import itertools
import string
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from flan_jax.catalogue.declaration import (
    ANSWER,
    CONTEXT,
    HISTORY,
    OPTION_TEXTS,
    OPTIONS,
    RANKED_RESPONSES,
    RANKED_SCORES,
    SYSTEM,
    Choice,
    Dataset,
    Field,
    Template,
    TfdsExample,
)
from flan_jax.data.options import Options

Values = dict[str, tf.Tensor]

Shown = Mapping[str, tf.Tensor | bytes]
"""Values of placeholders by name; bytes if the value is a constant."""


def read_field(field: Field, ex: TfdsExample) -> tf.Tensor:
    """The value of a field: the feature of that name, or the result of the field's function."""
    return ex[field] if isinstance(field, str) else field(ex)


def read_values(dataset: Dataset, ex: TfdsExample) -> Values:
    """All values that templates and judges may need.

    Returns:
      The declared fields and 'answer', scalar strings; 'references', strings [n]; for a dataset with options also
      'options' (the block, a scalar string), 'choices' (what may be answered) and 'option_texts', strings [n], and
      'right', booleans [n]; 'group', a scalar string, where declared.
    """
    values = _read_fields(dataset, ex)
    if isinstance(dataset.answer, Choice):
        options = _read_options(dataset.answer, ex)
        references = options.references
        values |= {'choices': options.answers, OPTION_TEXTS: options.texts, 'right': options.right}
        values |= {'references': references, ANSWER: references[0], OPTIONS: options.block}
    else:
        values[ANSWER] = tf.convert_to_tensor(read_field(dataset.answer.answer, ex))
        references = dataset.answer.references
        values['references'] = [values[ANSWER]] if references is None else read_field(references, ex)
        values['references'] = tf.convert_to_tensor(values['references'])
    if dataset.group is not None:
        group = tf.convert_to_tensor(read_field(dataset.group, ex))
        values['group'] = group if group.dtype == tf.string else tf.strings.as_string(group)
    return values


def read_shown(dataset: Dataset, ex: TfdsExample) -> Values:
    """The values that templates may show, scalar strings: declared fields, answer and options block."""
    values = _read_fields(dataset, ex)
    if not isinstance(dataset.answer, Choice):
        return values | {ANSWER: tf.convert_to_tensor(read_field(dataset.answer.answer, ex))}
    options = _read_options(dataset.answer, ex)
    return values | {ANSWER: options.first_right, OPTIONS: options.block}


def _read_fields(dataset: Dataset, ex: TfdsExample) -> Values:
    return {name: tf.convert_to_tensor(read_field(field, ex)) for name, field in dataset.fields.items()}


def read_before(dataset: Dataset, ex: TfdsExample) -> Values:
    """The parts of a dialogue before the question, named as in `declaration.BEFORE`; empty for other datasets."""
    dialogue = dataset.dialogue
    if dialogue is None:
        return {}
    history = tf.strings.strip(read_field(dialogue.history, ex))
    texts = {SYSTEM: dialogue.system, CONTEXT: dialogue.context}
    values = {name: tf.strings.strip(read_field(field, ex)) for name, field in texts.items()}
    if not dialogue.shows_questions:
        values = {name: tf.zeros_like(text) for name, text in values.items()}
        history = tf.where(tf.range(tf.size(history)) % 2 == 0, '', history)
    return values | {HISTORY: history}


def read_ranking(dataset: Dataset, ex: TfdsExample) -> Values:
    """The ranked responses, strings [k], and their scores, float32 [k]; empty for datasets without rankings."""
    if dataset.ranking is None:
        return {}
    responses, scores = (read_field(field, ex) for field in (dataset.ranking.responses, dataset.ranking.scores))
    return {RANKED_RESPONSES: tf.strings.strip(responses), RANKED_SCORES: tf.cast(scores, tf.float32)}


def _read_options(choice: Choice, ex: TfdsExample) -> Options:
    given = choice.options if isinstance(choice.options, tuple) else read_field(choice.options, ex)
    given = given if isinstance(given, tuple) else tf.convert_to_tensor(given)
    return Options(given, read_field(choice.label, ex), choice.style)


def interpolate(text: str, values: Shown) -> tf.Tensor:
    """A text with its placeholders filled in: a scalar string, or strings [n] if values are strings [n]."""
    pieces = _pieces(text, values)
    return tf.strings.join(pieces) if len(pieces) > 1 else tf.convert_to_tensor(pieces[0] if pieces else '')


def fill(text: str, values: Shown) -> tf.Tensor:
    """A template's text with its placeholders filled in, stripped; a scalar string."""
    return tf.strings.strip(interpolate(text, values))


def render(template: Template, values: Values, shown: Shown | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """The inputs and targets of one template, scalar strings; inputs use the values `shown`, if given."""
    return fill(template.inputs, values if shown is None else shown), fill(template.targets, values)


def render_random(
    templates: Sequence[Template], values: Values, seed: tf.Tensor, shown: Shown | None = None
) -> tuple[tf.Tensor, ...]:
    """`render` with a template sampled uniformly by `seed` (two integers), and the template's index."""
    index = tf.random.stateless_uniform([], seed, 0, len(templates), tf.int32)
    return *render_one_of(templates, index, values, shown), index


def render_one_of(
    templates: Sequence[Template], index: tf.Tensor, values: Values, shown: Shown | None = None
) -> tuple[tf.Tensor, tf.Tensor]:
    """`render` with the template at `index`, scalar int32; all values, and those of `shown`, have the same rank."""
    inputs = [_pieces(template.inputs, values if shown is None else shown) for template in templates]
    targets = [_pieces(template.targets, values) for template in templates]
    pieces, table = _as_data([*inputs, *targets])
    chosen = tf.gather(pieces, tf.gather(table.reshape(2, len(templates), -1), index, axis=1))
    return tuple(tf.unstack(tf.strings.strip(tf.strings.reduce_join(chosen, 1))))


def fill_all(texts: Sequence[str], values: Shown) -> tf.Tensor:
    """`fill` of every text with scalar strings; strings [texts]."""
    pieces, table = _as_data([_pieces(text, values) for text in texts])
    return tf.strings.strip(tf.strings.reduce_join(tf.gather(pieces, table), 1))


def _as_data(texts: Sequence[Sequence[tf.Tensor | bytes]]) -> tuple[tf.Tensor, np.ndarray]:
    """The pieces of all texts, strings [pieces] or [pieces, n], and the indices of each text's, int32 [texts, most].

    Texts become data instead of operations, because a graph with several operations per text is slow to build.
    """
    everything = [b'', *itertools.chain(*texts)]
    literals = list(dict.fromkeys(piece for piece in everything if isinstance(piece, bytes)))  # the empty one first
    # By id, since tensors cannot be dictionary keys; a tensor that several texts show is one piece.
    filled = {id(piece): piece for piece in everything if not isinstance(piece, bytes)}
    indices = {key: index for index, key in enumerate([*literals, *filled])}
    rows = [[indices[piece if isinstance(piece, bytes) else id(piece)] for piece in text] for text in texts]
    table = np.array(list(itertools.zip_longest(*rows, fillvalue=0)), np.int32).T.reshape(len(texts), -1)
    return _together(literals, list(filled.values())), table


def _together(literals: Sequence[bytes], filled: Sequence[tf.Tensor]) -> tf.Tensor:
    """Literals and tensors, stacked: strings [pieces], or [pieces, n] if the tensors are strings [n]."""
    if not filled:
        return tf.constant(literals)
    if filled[0].shape.rank:
        literals = tf.broadcast_to(tf.constant(literals)[:, tf.newaxis], [len(literals), tf.size(filled[0])])
    return tf.concat([literals, tf.stack(filled)], 0)


def _pieces(text: str, values: Shown) -> list[tf.Tensor | bytes]:
    """Literals and values of placeholders, in order."""
    pieces = []
    for literal, name, _, _ in string.Formatter().parse(text):
        if literal:
            pieces.append(literal.encode())
        if name is not None:
            pieces.append(values[name])
    return pieces


def without_options(values: Values) -> Values:
    """The same values with an empty options block, for scoring without the options suffix."""
    return values | {OPTIONS: tf.constant('')}
