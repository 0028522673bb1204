"""Whether examples can be rendered, told by the rows of the files that they come from."""

import re
from collections.abc import Iterator, Sequence

import tensorflow as tf
import tensorflow_datasets as tfds

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data import rendering
from flan_jax.data.example_files import ExampleError, Located
from flan_jax.errors import UserError


def check_rendering(dataset: Dataset, features: tfds.features.FeaturesDict, examples: Sequence[Located]) -> None:
    """Renders examples that fit the features, as training and evaluation will, those apart that are never used.

    Raises:
      ExampleError: for the first that cannot be, such as one whose label is none of its options; names its row.
    """
    rows = [features.serialize_example(features.encode_example(ex)) for _, ex in examples]
    broken = sorted(set(range(len(rows))) - _rendered(dataset, features, rows))
    if broken:
        where, ex = examples[broken[0]]
        reason = _reason(dataset, features.deserialize_example(rows[broken[0]]))
        raise ExampleError(f'{where}: {dataset.name} cannot be rendered from {_shortened(ex)}: {reason}')


@tf.autograph.experimental.do_not_convert
def _rendered(dataset: Dataset, features: tfds.features.FeaturesDict, rows: Sequence[bytes]) -> set[int]:
    """The places of the rows that can be rendered, or that the documented filter leaves out."""

    def render(place, row):
        ex = features.deserialize_example(row)
        if dataset.expand is not None:
            return place, tf.nest.flatten(dataset.expand(ex))
        used = tf.constant(True) if dataset.keep is None else dataset.keep.test(ex)
        return place, tf.cond(used, lambda: _strings(dataset, ex), lambda: tf.constant(''))

    rendered = tf.data.Dataset.from_tensor_slices(rows).enumerate().map(render).ignore_errors()
    return {int(place) for place, _ in rendered.as_numpy_iterator()}


def _strings(dataset: Dataset, ex) -> tf.Tensor:
    """All that is read of an example, as one text."""
    values = [*rendering.read_values(dataset, ex).values(), *rendering.read_before(dataset, ex).values()]
    texts = [value if value.dtype == tf.string else tf.strings.as_string(value) for value in values]
    return tf.strings.join([tf.strings.reduce_join(text) for text in texts])


def _reason(dataset: Dataset, ex) -> str:
    try:
        values = rendering.read_values(dataset, ex if dataset.expand is None else dataset.expand(ex))
    except (tf.errors.OpError, ValueError, IndexError) as error:
        return first_line(error)
    return f'the answer is {values["answer"]!r}'


def iterated(examples: tf.data.Dataset, where: str) -> Iterator:
    """The examples as NumPy has them.

    Raises:
      UserError: where one cannot be read or rendered; `where` says of which dataset, and the message how many were
        before it.
    """
    count = 0
    try:
        for example in examples.as_numpy_iterator():
            yield example
            count += 1
    except tf.errors.OpError as error:
        raise UserError(
            f'{where}: after {count} examples, one cannot be read or rendered: {first_line(error)}; `flan-jax tasks '
            'verify NAME` looks at all in the order on disk'
        ) from error


def first_line(error: Exception) -> str:
    """The beginning of an error's message, without what TensorFlow says of where it was raised."""
    message = str(error).strip().partition('\n')[0]
    return re.sub(r'^\{\{[^}]*\}\}\s*|Error in user-defined function .* iterator: \S+ ', '', message)[:300]


def _shortened(ex) -> str:
    text = str(dict(ex))
    return text if len(text) <= 300 else f'{text[:300]}...'
