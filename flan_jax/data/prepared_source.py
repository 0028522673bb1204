"""Prepared datasets as SeqIO reads them."""

import functools

import seqio
import tensorflow as tf
import tensorflow_datasets as tfds

from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.splits import Slice
from flan_jax.data.records import shuffled_records
from flan_jax.data.source import MissingDataError, default_folder, prepared_builder, split_slices

SHUFFLE_BUFFER = 10_000
"""Examples held in memory for shuffling; examples are shuffled before they are rendered, while they are small."""


def default_data_dir() -> str:
    """The directory of prepared datasets: SeqIO's override, else `source.default_folder()`."""
    return seqio.utils.LazyTfdsLoader('any:1.0.0', data_dir=default_folder()).data_dir  # which applies the override


class PreparedSource(seqio.DataSource):
    """A SeqIO source over a catalogue dataset, its splits resolved when they are first read."""

    def __init__(self, dataset: Dataset, data_dir: str | None = None):
        """Reads `dataset` from `data_dir`, or from `default_data_dir()` at the time of reading where None."""
        self.dataset = dataset
        self._data_dir = data_dir
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
        """The rows that `split` stands for; raises MissingDataError."""
        slices = split_slices(self.dataset, self.data_dir)
        if split not in slices:
            raise MissingDataError(
                f'{self.dataset.name} has no {split!r} examples in {self.data_dir}; '
                f'it has {", ".join(slices) or "none"}'
            )
        return slices[split]

    def num_input_examples(self, split: str) -> int:
        """The examples of `split`, those of a row that holds several each counted."""
        rows = len(self.slice(split))
        return rows if self.dataset.expand is None else _count_expanded(self.dataset, split, self.data_dir)

    def list_shards(self, split: str) -> list[str]:
        info = prepared_builder(self.dataset.source, self.data_dir).info
        return [instruction.filename for instruction in info.splits[str(self.slice(split))].file_instructions]

    def rows(self, split: str) -> tf.data.Dataset:
        """The rows of `split` in the order on disk, those that hold several examples as they are."""
        builder = prepared_builder(self.dataset.source, self.data_dir)
        return builder.as_dataset(split=str(self.slice(split)), shuffle_files=False)

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
        """The examples of `split` in the order on disk, or shuffled by `seed`, anew in every repetition."""
        del sequence_length, use_cached, num_epochs  # part of SeqIO's interface; the task applies them
        shards = shard_info or seqio.ShardInfo(0, 1)
        rows = self._shuffled_rows(split, seed, shards) if shuffle else self._rows_in_order(split, shards)
        if self.dataset.expand is None:
            return rows
        examples = rows.flat_map(lambda row: tf.data.Dataset.from_tensor_slices(self.dataset.expand(row)))
        return examples.shuffle(SHUFFLE_BUFFER, seed=seed) if shuffle else examples

    def _shuffled_rows(self, split: str, seed: int | None, shards: seqio.ShardInfo) -> tf.data.Dataset:
        info = prepared_builder(self.dataset.source, self.data_dir).info
        files = info.splits[str(self.slice(split))].file_instructions[shards.index :: shards.num_shards]
        records = shuffled_records(info, files, seed).shuffle(min(len(self.slice(split)), SHUFFLE_BUFFER), seed=seed)
        return records.map(info.features.deserialize_example, tf.data.AUTOTUNE)

    def _rows_in_order(self, split: str, shards: seqio.ShardInfo) -> tf.data.Dataset:
        builder = prepared_builder(self.dataset.source, self.data_dir)
        read_config = tfds.ReadConfig(skip_prefetch=True, try_autocache=False)
        if len(self.list_shards(split)) == 1:  # a single file is read in order; TFDS would make threads for 16
            read_config.interleave_cycle_length = read_config.num_parallel_calls_for_interleave_files = 1
        if shards.num_shards > 1:
            read_config.input_context = tf.distribute.InputContext(shards.num_shards, shards.index)
        return builder.as_dataset(split=str(self.slice(split)), shuffle_files=False, read_config=read_config)


@functools.cache
@tf.autograph.experimental.do_not_convert
def _count_expanded(dataset: Dataset, split: str, data_dir: str) -> int:
    return count(PreparedSource(dataset, data_dir).get_dataset(split, shuffle=False))


def count(examples: tf.data.Dataset) -> int:
    """Number of the examples, which are read for it."""
    return int(examples.reduce(tf.constant(0, tf.int64), lambda number, ex: number + 1))
