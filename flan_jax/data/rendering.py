"""Rendering: an example and a template become `inputs` and `targets`, in TensorFlow ops."""

import itertools
import string
from collections.abc import Iterator, Mapping, Sequence

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
from flan_jax.catalogue.option_styles import LISTED, OptionStyle

Values = dict[str, tf.Tensor]


def read_field(field: Field, ex: TfdsExample) -> tf.Tensor:
    """The value of a field: the feature of that name, or what the function makes of the example."""
    return ex[field] if isinstance(field, str) else field(ex)


def read_values(dataset: Dataset, ex: TfdsExample) -> Values:
    """Everything templates and judges may need of an example.

    Returns:
      The declared fields and 'answer', scalar strings; 'references', strings [n]; for a dataset with options also
      'options' (the block, a scalar string), 'choices' (what may be answered) and 'option_texts', strings [n], and
      'right', booleans [n]; 'group', a scalar string, where declared.
    """
    values = {name: tf.convert_to_tensor(read_field(field, ex)) for name, field in dataset.fields.items()}
    if isinstance(dataset.answer, Choice):
        values |= _read_choice(dataset.answer, ex)
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
    """The values that templates may show, scalar strings: the declared fields, the answer, the block of options."""
    values = read_values(dataset, ex)
    return {name: values[name] for name in (*dataset.fields, ANSWER, *([OPTIONS] if dataset.has_options else []))}


def read_before(dataset: Dataset, ex: TfdsExample) -> Values:
    """What stands before the question of a dialogue, named as in `declaration.BEFORE`; empty for other datasets."""
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
    """The ranked responses, strings [k], and their scores, float32 [k]; empty for datasets without."""
    if dataset.ranking is None:
        return {}
    responses, scores = (read_field(field, ex) for field in (dataset.ranking.responses, dataset.ranking.scores))
    return {RANKED_RESPONSES: tf.strings.strip(responses), RANKED_SCORES: tf.cast(scores, tf.float32)}


def _read_choice(choice: Choice, ex: TfdsExample) -> Values:
    options = choice.options
    choices = tf.constant(options) if isinstance(options, tuple) else tf.convert_to_tensor(read_field(options, ex))
    label = read_field(choice.label, ex)
    right = label if label.shape.rank else tf.range(tf.size(choices, out_type=label.dtype)) == label
    answers = tf.constant(choice.style.marks)[: tf.size(choices)] if choice.style.answer_is_mark else choices
    is_one = tf.debugging.Assert(
        (tf.size(right) == tf.size(choices)) & tf.reduce_any(right),
        ['the label', label, 'is none of the', tf.size(choices), 'options'],
    )
    with tf.control_dependencies([is_one] if is_one is not None else []):
        references = tf.boolean_mask(answers, right)
    return {
        'choices': answers,
        OPTION_TEXTS: choices,
        'right': right,
        'references': references,
        ANSWER: references[0],
        OPTIONS: options_block(choices, choice.style),
    }


def options_block(choices: tf.Tensor, style: OptionStyle = LISTED) -> tf.Tensor:
    """The options suffix (FLAN, section 2.3): a header, then one line per option. Strings [n] to a scalar."""
    marks = tf.constant(style.marks)[: tf.size(choices)]
    return tf.strings.join([style.header, tf.strings.reduce_join(tf.strings.join(['\n', marks, ' ', choices]))])


def interpolate(text: str, values: Mapping[str, tf.Tensor | str]) -> tf.Tensor:
    """A text with its placeholders filled in: a scalar string, or strings [n] where values are."""
    pieces = [values[part] if is_name else part for is_name, part in _parts(text)]
    return tf.strings.join(pieces) if len(pieces) > 1 else tf.convert_to_tensor(pieces[0] if pieces else '')


def fill(text: str, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """A template's text with its placeholders filled in, without blanks at either end; a scalar string."""
    return tf.strings.strip(interpolate(text, values))


def render(template: Template, values: Values, shown: Values | None = None) -> tuple[tf.Tensor, tf.Tensor]:
    """The inputs and targets of one template, scalar strings; inputs show `shown` where it is given."""
    return fill(template.inputs, values if shown is None else shown), fill(template.targets, values)


def render_random(
    templates: Sequence[Template], values: Values, seed: tf.Tensor, shown: Values | None = None
) -> tuple[tf.Tensor, ...]:
    """`render` with a template sampled uniformly by `seed` (two integers), and the template's index."""
    index = tf.random.stateless_uniform([], seed, 0, len(templates), tf.int32)
    inputs = fill_one_of([template.inputs for template in templates], index, values if shown is None else shown)
    targets = fill_one_of([template.targets for template in templates], index, values)
    return inputs, targets, index


def fill_one_of(texts: Sequence[str], index: tf.Tensor, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """`fill` of the text at an index, scalar int32."""
    pieces, table = _as_data(texts, values)
    return tf.strings.strip(tf.strings.reduce_join(tf.gather(pieces, table[index]), 0))


def fill_all(texts: Sequence[str], values: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """`fill` of every text with scalar strings; strings [texts]."""
    pieces, table = _as_data(texts, values)
    return tf.strings.strip(tf.strings.reduce_join(tf.gather(pieces, table), 1))


def _as_data(texts: Sequence[str], values: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """What texts are made of, strings [pieces] or [pieces, n], and which pieces each has, int32 [texts, most].

    Texts are data rather than operations, of which a graph would need some for each, and be slow to begin.
    """
    parts = [list(_parts(text)) for text in texts]
    known = sorted({(False, ''), *itertools.chain(*parts)})  # literals, the empty one first, and then names
    rows = [[known.index(part) for part in of_text] for of_text in parts]
    most = max(map(len, rows))
    table = tf.constant([row + [0] * (most - len(row)) for row in rows], tf.int32, [len(texts), most])
    literals = tf.constant([part for is_name, part in known if not is_name])
    filled = [values[part] for is_name, part in known if is_name]
    if filled and filled[0].shape.rank:
        literals = tf.broadcast_to(literals[:, tf.newaxis], [tf.size(literals), tf.size(filled[0])])
    return tf.concat([literals, tf.stack(filled)], 0) if filled else literals, table


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Literals and the names of placeholders as they come, and whether each is a name."""
    for literal, name, _, _ in string.Formatter().parse(text):
        if literal:
            yield False, literal
        if name is not None:
            yield True, name


def without_options(values: Values) -> Values:
    """The same values with an empty options block, for scoring without the options suffix."""
    return values | {OPTIONS: tf.constant('')}
