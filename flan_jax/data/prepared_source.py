"""Prepared datasets as SeqIO data sources."""

import dataclasses
import functools
import itertools
from collections.abc import Callable
from typing import Any

import seqio
import tensorflow as tf

from flan_jax.catalogue.declaration import Dataset, TfdsExample
from flan_jax.catalogue.splits import Slice
from flan_jax.data.records import records
from flan_jax.data.source import MissingDataError, cached, default_folder, prepared_builder, split_slices

SHUFFLE_BUFFER = 10_000
"""Examples in the shuffle buffer; examples are shuffled before they are rendered, while they are small."""


def default_data_dir() -> str:
    """The directory of prepared datasets: SeqIO's override, else `source.default_folder()`."""
    return seqio.utils.LazyTfdsLoader('any:1.0.0', data_dir=default_folder()).data_dir  # which applies the override


class PreparedSource(seqio.DataSource):
    """A SeqIO source of a dataset of the catalogue; its splits are resolved lazily.

    'train+test' reads several splits, one after the other.
    """

    def __init__(self, dataset: Dataset, data_dir: str | None = None, limit: int = -1):
        """Reads `dataset`.

        Args:
          dataset: the dataset.
          data_dir: directory of prepared datasets; None for `default_data_dir()` at the time of reading.
          limit: maximal number of rows of each split, from the first on; negative for all.
        """
        self.dataset = dataset
        self._data_dir = data_dir
        self._limit = limit
        super().__init__(splits=())

    @property
    def data_dir(self) -> str:
        return self._data_dir or default_data_dir()

    @property
    def splits(self) -> tuple[str, ...]:
        return tuple(split_slices(self.dataset, self.data_dir))

    @property
    def performs_internal_shuffling(self) -> bool:
        return True

    @property
    def supports_arbitrary_sharding(self) -> bool:
        return False

    def slice(self, split: str) -> Slice:
        """The rows of `split`; raises MissingDataError."""
        slices = split_slices(self.dataset, self.data_dir)
        if split not in slices:
            raise MissingDataError(
                f'{self.dataset.name} has no {split!r} examples in {self.data_dir}; '
                f'it has {", ".join(slices) or "none"}'
            )
        found = slices[split]
        return found if self._limit < 0 else dataclasses.replace(found, stop=min(found.stop, found.start + self._limit))

    def _slices(self, splits: str) -> list[Slice]:
        return [self.slice(split) for split in splits.split('+')]

    def num_input_examples(self, split: str) -> int:
        """The number of examples of `split`; a row may hold several."""
        if self.dataset.expand is None:
            return sum(map(len, self._slices(split)))
        return _count_expanded(self.dataset, split, self.data_dir, self._limit)

    def list_shards(self, split: str) -> list[str]:
        info = prepared_builder(self.dataset.source, self.data_dir).info
        files = (info.splits[str(rows)].file_instructions for rows in self._slices(split))
        return [file.filename for file in itertools.chain(*files)]

    def rows(
        self, split: str, shuffle: bool = False, seed: int | None = None, shard_info: seqio.ShardInfo | None = None
    ) -> tf.data.Dataset:
        """The parsed rows of `split`; see `serialised`."""
        return self.serialised(split, shuffle, seed, shard_info).map(self.parse, tf.data.AUTOTUNE)

    def serialised(
        self, split: str, shuffle: bool = False, seed: int | None = None, shard_info: seqio.ShardInfo | None = None
    ) -> tf.data.Dataset:
        """The rows of `split` in the order on disk, or shuffled by `seed`; one may hold several examples.

        Raises:
          MissingDataError: if there is no such split.
          ValueError: if there are fewer files than shards.
        """
        info, slices = prepared_builder(self.dataset.source, self.data_dir).info, self._slices(split)
        shard, number = shard_info or seqio.ShardInfo(0, 1), itertools.count()
        by_slice = []
        for files in (info.splits[str(rows)].file_instructions for rows in slices):
            if own := [file for file in files if next(number) % shard.num_shards == shard.index]:
                by_slice.append(records(info, own, shuffle, seed))
        if not by_slice:
            raise ValueError(f'{self.dataset.name}, {split}: no file for {shard}, there are {next(number)}')
        rows = functools.reduce(tf.data.Dataset.concatenate, by_slice)
        return rows.shuffle(min(sum(map(len, slices)), SHUFFLE_BUFFER), seed=seed) if shuffle else rows

    def parse(self, row: tf.Tensor) -> TfdsExample:
        """The features of a serialised row."""
        return prepared_builder(self.dataset.source, self.data_dir).info.features.deserialize_example(row)

    @tf.autograph.experimental.do_not_convert
    def usable(
        self, split: str, shuffle: bool = False, seed: int | None = None
    ) -> tuple[tf.data.Dataset, Callable[[Any], TfdsExample]]:
        """The usable examples, possibly still serialised, and the function that parses each.

        Callers parse in their own mapped function, because tracing a second function takes long. Examples are parsed
        already if the dataset has a filter or its rows hold several examples; the returned function is then identity.
        """
        if self.dataset.keep is None and self.dataset.expand is None:
            return self.serialised(split, shuffle, seed), self.parse
        return keep_usable(self.get_dataset(split, shuffle, seed), self.dataset), lambda example: example

    @tf.autograph.experimental.do_not_convert
    def get_dataset(
        self,
        split: str = 'train',
        shuffle: bool = True,
        seed: int | None = None,
        shard_info: seqio.ShardInfo | None = None,
        *,
        sequence_length=None,
        use_cached: bool = False,
        num_epochs: int | None = 1,
    ) -> tf.data.Dataset:
        """The examples of `split` in the order on disk, or shuffled by `seed`, differently in every repetition."""
        del sequence_length, use_cached, num_epochs  # part of SeqIO's interface; the task applies them
        rows = self.rows(split, shuffle, seed, shard_info)
        if self.dataset.expand is None:
            return rows
        examples = rows.flat_map(lambda row: tf.data.Dataset.from_tensor_slices(self.dataset.expand(row)))
        return examples.shuffle(SHUFFLE_BUFFER, seed=seed) if shuffle else examples


def keep_usable(examples: tf.data.Dataset, dataset: Dataset) -> tf.data.Dataset:
    """Applies the dataset's documented filter."""
    return examples if dataset.keep is None else examples.filter(dataset.keep.test)


def without_tuning() -> tf.data.Options:
    """Options that disable graph rewrites and autotuning, which cost more time than they save and start threads."""
    options = tf.data.Options()
    options.autotune.enabled = options.experimental_optimization.apply_default_optimizations = False
    return options


@cached
def _count_expanded(dataset: Dataset, split: str, data_dir: str, limit: int) -> int:
    return count(PreparedSource(dataset, data_dir, limit).get_dataset(split, shuffle=False))


def count(examples: tf.data.Dataset) -> int:
    """The number of examples, found by reading all of them."""
    return int(examples.reduce(tf.constant(0, tf.int64), lambda number, ex: number + 1))
