"""Checks that examples can be rendered, with errors that name the row of a user's file or of prepared data."""

import contextlib
import itertools
import re
from collections.abc import Iterator, Sequence

import tensorflow as tf
import tensorflow_datasets as tfds

from flan_jax.catalogue.declaration import Dataset
from flan_jax.data import rendering
from flan_jax.data.example_files import ExampleError, Located
from flan_jax.data.prepared_source import PreparedSource, without_tuning
from flan_jax.errors import UserError

_NOT_UTF8 = 'Invalid formatting on input string'
"""Beginning of TensorFlow's message for text that is not UTF-8."""


class CannotRender(UserError):
    """An example cannot be read or rendered."""


def check_rendering(dataset: Dataset, features: tfds.features.FeaturesDict, examples: Sequence[Located]) -> None:
    """Renders all usable examples, which must fit the features, as training and evaluation will.

    Raises:
      ExampleError: for the first that cannot be rendered, such as one whose label is not an option; names its row.
    """
    rows = [features.serialize_example(features.encode_example(ex)) for _, ex in examples]
    broken = sorted(set(range(len(rows))) - _rendered(dataset, features, rows))
    if broken:
        where, ex = examples[broken[0]]
        reason = _reason(dataset, features.deserialize_example(rows[broken[0]]))
        raise ExampleError(f'{where}: {dataset.name} cannot be rendered from {_shortened(ex)}: {reason}')


def _rendered(dataset: Dataset, features: tfds.features.FeaturesDict, rows: Sequence[bytes]) -> set[int]:
    """The indices of rows that can be rendered, or that the documented filter leaves out."""
    examples = tf.data.Dataset.from_tensor_slices(rows).enumerate()
    return set(_sound(dataset, examples.map(lambda index, row: (index, features.deserialize_example(row)))))


@tf.autograph.experimental.do_not_convert
def _sound(dataset: Dataset, rows: tf.data.Dataset) -> Iterator[int]:
    """The indices of numbered rows that can be rendered, or that the documented filter leaves out."""

    def render(index, ex):
        if dataset.expand is not None:
            return index, tf.nest.flatten(dataset.expand(ex))
        used = tf.constant(True) if dataset.keep is None else dataset.keep.test(ex)
        return index, tf.cond(used, lambda: _strings(dataset, ex), lambda: tf.constant(''))

    return (int(index) for index, _ in rows.map(render).ignore_errors().as_numpy_iterator())


@contextlib.contextmanager
def located(dataset: Dataset, split: str, data_dir: str | None) -> Iterator[None]:
    """If the body raises CannotRender, raises it again with the first row that cannot be rendered."""
    try:
        yield
    except (CannotRender, UnicodeDecodeError) as error:
        source = PreparedSource(dataset, data_dir)
        broken = next(filter(None, (_first_broken(source, one) for one in split.split('+'))), None)
        raise CannotRender(broken or f'{dataset.name}, {split} examples: {first_line(error)}') from error


def _first_broken(source: PreparedSource, split: str) -> str | None:
    """A message with the first row of a split, in the order on disk, that cannot be read or rendered; None if none."""
    readable, unread = _readable(source.rows(split))
    rows = source.rows(split).take(readable)
    sound = iter(_sound(source.dataset, rows.enumerate()))
    row = next(index for index in itertools.count() if next(sound, None) != index)
    if row == readable and not unread:
        return None
    is_read = row < readable
    why = f'rendered: {_why(source.dataset, rows.skip(row).take(1))}' if is_read else f'read: {unread}'
    return (
        f'{source.dataset.name}, {split} examples: row {row + 1} of {len(source.slice(split))} in {source.data_dir} '
        f'cannot be {why}; prepare the dataset anew without it, or leave the dataset out'
    )


def _readable(rows: tf.data.Dataset) -> tuple[int, str]:
    """The number of rows before the first that cannot be read, and the reason; '' if all can be read."""
    count = 0
    try:
        for _ in rows:
            count += 1
    except tf.errors.OpError as error:
        return count, first_line(error)
    return count, ''


@tf.autograph.experimental.do_not_convert
def _why(dataset: Dataset, row: tf.data.Dataset) -> str:
    """TensorFlow's message for a row that cannot be rendered."""
    examples = row if dataset.expand is None else row.map(dataset.expand).unbatch()
    try:
        list(examples.map(lambda ex: _strings(dataset, ex)).as_numpy_iterator())
    except tf.errors.OpError as error:
        return 'it holds text that is not UTF-8' if _NOT_UTF8 in str(error) else first_line(error)
    return 'nothing says why'


def _strings(dataset: Dataset, ex) -> tf.Tensor:
    """All values of an example, joined to one text."""
    values = [*rendering.read_values(dataset, ex).values(), *rendering.read_before(dataset, ex).values()]
    texts = [value if value.dtype == tf.string else tf.strings.as_string(value) for value in values]
    together = tf.strings.join([tf.strings.reduce_join(text) for text in texts])
    return tf.strings.unicode_transcode(together, 'UTF-8', 'UTF-8', errors='strict')


def _reason(dataset: Dataset, ex) -> str:
    try:
        values = rendering.read_values(dataset, ex if dataset.expand is None else dataset.expand(ex))
    except (tf.errors.OpError, ValueError, IndexError) as error:
        return first_line(error)
    return f'the answer is {values["answer"]!r}'


def iterated(examples: tf.data.Dataset, where: str) -> Iterator:
    """The examples as NumPy arrays.

    Raises:
      CannotRender: if one cannot be read or rendered, with `where`, which names the dataset, and the number of examples
        before it.
    """
    count = 0
    try:
        for example in examples.with_options(without_tuning()).as_numpy_iterator():
            yield example
            count += 1
    except tf.errors.OpError as error:
        raise CannotRender(
            f'{where}: after {count} examples, one cannot be read or rendered: {first_line(error)}; `flan-jax tasks '
            'verify NAME` looks at all in the order on disk'
        ) from error


def first_line(error: Exception) -> str:
    """The first line of an error's message, without TensorFlow's description of the operation that raised it."""
    message = str(error).strip().partition('\n')[0]
    return re.sub(r'^\{\{[^}]*\}\}\s*|Error in user-defined function .* iterator: \S+ ', '', message)[:300]


def _shortened(ex) -> str:
    text = str(dict(ex))
    return text if len(text) <= 300 else f'{text[:300]}...'
