"""Reading prepared TFDS datasets: the one way in for data."""

import functools
import os

import seqio
import tensorflow as tf
import tensorflow_datasets as tfds

from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.splits import Slice, resolve
from flan_jax.errors import UserError

SHUFFLE_BUFFER = 10_000
"""Examples held in memory for shuffling; examples are shuffled before they are rendered, while they are small."""


ORIGIN_KEY = 'flan_jax_origin'
"""Key in a prepared dataset's metadata that says where its examples come from."""


class MissingDataError(UserError):
    """A dataset, or one of its splits, is not prepared in the data directory."""


def default_data_dir() -> str:
    """The directory of prepared datasets: SeqIO's override, else $TFDS_DATA_DIR, else TFDS's own default."""
    otherwise = os.environ.get('TFDS_DATA_DIR') or str(tfds.core.constants.DATA_DIR)
    return seqio.utils.LazyTfdsLoader('any:1.0.0', data_dir=otherwise).data_dir  # the loader applies the override


@functools.cache
def prepared_builder(source: str, data_dir: str) -> tfds.core.DatasetBuilder:
    """The reader of a prepared dataset.

    Args:
      source: TFDS name with configuration and version.
      data_dir: directory of prepared datasets.

    Raises:
      MissingDataError: if this version of the dataset is not prepared there.
    """
    path = os.path.join(data_dir, source.replace(':', '/'))
    if not tf.io.gfile.exists(os.path.join(path, 'dataset_info.json')):
        raise MissingDataError(f'{source} is not prepared in {data_dir}: no dataset_info.json in {path}')
    return tfds.builder_from_directory(path)


def split_slices(dataset: Dataset, data_dir: str) -> dict[str, Slice]:
    """The rows that 'train', 'validation' and 'test' stand for on disk; raises MissingDataError."""
    builder = prepared_builder(dataset.source, data_dir)
    return resolve(dataset.splits, {name: info.num_examples for name, info in builder.info.splits.items()})


def data_fingerprint(dataset: Dataset, data_dir: str) -> dict:
    """What identifies a dataset's examples: its version, examples and bytes on disk, and the rows of our splits."""
    info = prepared_builder(dataset.source, data_dir).info
    splits = {name: [split.num_examples, split.num_bytes] for name, split in sorted(info.splits.items())}
    rows = {name: str(part) for name, part in split_slices(dataset, data_dir).items()}
    return {'source': dataset.source, 'splits': splits, 'rows': rows}


def origin(source: str, data_dir: str) -> str | None:
    """Where the examples of a prepared dataset come from, where this project wrote them; None for a download."""
    metadata = prepared_builder(source, data_dir).info.metadata
    return metadata.get(ORIGIN_KEY) if metadata else None


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
        builder = prepared_builder(self.dataset.source, self.data_dir)
        read_config = tfds.ReadConfig(shuffle_seed=seed, skip_prefetch=True, try_autocache=False)
        if shard_info and shard_info.num_shards > 1:
            read_config.input_context = tf.distribute.InputContext(shard_info.num_shards, shard_info.index)
        rows = builder.as_dataset(split=str(self.slice(split)), shuffle_files=shuffle, read_config=read_config)
        rows = rows.shuffle(min(len(self.slice(split)), SHUFFLE_BUFFER), seed=seed) if shuffle else rows
        if self.dataset.expand is None:
            return rows
        examples = rows.flat_map(lambda row: tf.data.Dataset.from_tensor_slices(self.dataset.expand(row)))
        return examples.shuffle(SHUFFLE_BUFFER, seed=seed) if shuffle else examples


@functools.cache
@tf.autograph.experimental.do_not_convert
def _count_expanded(dataset: Dataset, split: str, data_dir: str) -> int:
    examples = PreparedSource(dataset, data_dir).get_dataset(split, shuffle=False)
    return int(examples.reduce(tf.constant(0, tf.int64), lambda count, ex: count + 1))
