"""Training examples whose texts overlap what is held out can be left out of tuning (`Data.drop_overlaps`).

FLAN keeps them, and so does this project unless it is asked to.
"""

import dataclasses
import functools
import operator
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Expand, Keep, TfdsExample
from flan_jax.data.filters import both
from flan_jax.data.members import Member
from flan_jax.data.overlap.compared import EvaluatedRows, Found, is_evaluated
from flan_jax.data.overlap.raw_texts import raw_texts, text_keys
from flan_jax.data.settings import Data
from flan_jax.data.source import cached
from flan_jax.errors import UserError
from flan_jax.progress import bar

_BETWEEN_TEXTS = '\x1f'

_KEYS = 2**62

_ROW = 'flan_jax_row'
"""Feature of an example: the key of the row that holds it, where rows hold several."""


@dataclasses.dataclass(frozen=True)
class Dropped:
    """Training examples of a dataset that are left out.

    Attributes:
      examples: how many.
      keys: hashes of their texts, each once, in order.
    """

    examples: int
    keys: tuple[int, ...]


def without_overlaps(members: Sequence[Member], data: Data) -> tuple[list[Member], dict[str, Dropped]]:
    """Members without the training examples that overlap any validation or test example of the clusters left out.

    Returns:
      The members, and what was left out by the name of the dataset, where anything was.

    Raises:
      UserError: if no cluster is held out.
    """
    if not data.held_out:
        raise UserError('Data.drop_overlaps = True needs HELD_OUT: name the cluster that nothing shall overlap')
    left_out = catalogue.clusters_left_out(data.held_out)
    evaluated = tuple(d.name for d in catalogue.DATASETS.values() if catalogue.is_left_out(d, left_out))
    names = tuple(dict.fromkeys(member.dataset.name for member in members))
    dropped = overlapping_examples(names, evaluated, data.tfds_data_dir)
    return [_without(member, dropped.get(member.dataset.name), data.tfds_data_dir) for member in members], dropped


@cached
def overlapping_examples(tuned: tuple[str, ...], evaluated: tuple[str, ...], data_dir: str) -> dict[str, Dropped]:
    """The training examples of tuned datasets that overlap evaluated ones as far as these are prepared; found once."""
    prepared = [d for d in map(catalogue.dataset, evaluated) if is_evaluated(d, data_dir)]
    found = {}
    with bar('looking for overlaps to drop', len(prepared) + len(tuned)) as advance:
        rows = EvaluatedRows(prepared, data_dir, advance)
        for name in tuned:
            found_there = Found(rows)
            overlapping: list[Sequence[str]] = []
            for chunk in raw_texts(catalogue.dataset(name), 'train', data_dir):
                overlapping += [chunk[index] for index in np.flatnonzero(found_there.look_in(chunk)).tolist()]
            if overlapping:
                keys = tf.strings.to_hash_bucket_fast([_BETWEEN_TEXTS.join(texts) for texts in overlapping], _KEYS)
                found[name] = Dropped(len(overlapping), tuple(np.unique(keys.numpy()).tolist()))
            advance(1, name)
    return found


def _without(member: Member, dropped: Dropped | None, data_dir: str) -> Member:
    """A member whose dataset's filter also rejects what is dropped."""
    if dropped is None:
        return member
    dataset, names = member.dataset, text_keys(catalogue.dataset(member.dataset.name), data_dir)

    def test(ex: TfdsExample) -> tf.Tensor:
        key = ex[_ROW] if dataset.expand else _key(ex, names)
        return tf.reduce_all(key != tf.constant(dropped.keys, tf.int64))

    keep = both(dataset.keep, Keep('texts that are held out', test))
    expand = _keyed(dataset.expand, names) if dataset.expand else None
    return dataclasses.replace(member, dataset=dataclasses.replace(dataset, keep=keep, expand=expand))


def _keyed(expand: Expand, names: Sequence[str]) -> Expand:
    """What makes examples of a row, of which each also holds the key of its row."""

    def keyed(row: TfdsExample) -> dict:
        examples = dict(expand(row))
        count = tf.shape(next(iter(examples.values())))[0]
        return examples | {_ROW: tf.fill([count], _key(row, names))}

    return keyed


def _key(ex: TfdsExample, names: Sequence[str]) -> tf.Tensor:
    """The hash of the texts of an example, those of `raw_texts` in their order."""
    values = (functools.reduce(operator.getitem, name.split('/'), ex) for name in names)
    flat = [v.flat_values if isinstance(v, tf.RaggedTensor) else tf.reshape(v, [-1]) for v in values]
    texts = tf.concat([v for v in flat if v.dtype == tf.string], 0)
    return tf.strings.to_hash_bucket_fast(tf.strings.reduce_join(texts, separator=_BETWEEN_TEXTS), _KEYS)
