"""Proof that a held-out cluster was not tuned on: by cluster, by TFDS source, and by text.

The first two must hold. Texts may be shared all the same, since datasets borrow from each other (QNLI has SQuAD's
questions); how many examples are concerned, and by which dataset, is counted and reported.
"""

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.rendering import read_field
from flan_jax.data.seqio_tasks import keep_usable
from flan_jax.data.settings import Data
from flan_jax.data.source import PreparedSource, data_fingerprint, split_slices
from flan_jax.errors import UserError
from flan_jax.progress import bar

SHORTEST_TEXT = 8
"""Words from which on a single field counts as text; shorter ones agree by chance (Brown et al. 2020, appendix C)."""

_EXAMPLES_AT_A_TIME = 256


class HoldOutError(UserError):
    """What is held out is tuned on."""


@dataclasses.dataclass(frozen=True)
class Overlap:
    """Examples of an evaluated dataset whose text is also in a tuned one.

    Attributes:
      evaluated: the evaluated dataset.
      tuned: the dataset that is tuned on.
      examples: evaluated examples that share a text with it.
      of: evaluated examples.
      text: one of the texts, cut.
    """

    evaluated: str
    tuned: str
    examples: int
    of: int
    text: str


def prove(data: Data, evaluated: Sequence[Dataset], before: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Proves that `evaluated` is not tuned on, as far as it is of the clusters left out.

    Args:
      data: what is tuned on, and the cluster held out.
      evaluated: the datasets to be evaluated, prepared.
      before: an earlier proof; returned where it was made of the very same data.

    Returns:
      What was compared, by the data's fingerprints, and the overlaps of texts as mappings; None where the mixture is
      not made from the catalogue, so that nothing is known of it.

    Raises:
      HoldOutError: if a dataset of a cluster left out, or a TFDS source of an evaluated dataset, is tuned on.
    """
    left_out = catalogue.clusters_left_out(data.held_out)
    tuned = list({dataset.name: dataset for dataset in tuning_mixture(data).datasets.values()}.values())
    unseen = [dataset for dataset in evaluated if catalogue.is_left_out(dataset, left_out)]
    if not tuned:
        return None
    check_declarations(left_out, tuned, unseen)
    compared = {
        'left_out': list(left_out),
        'tuned': {dataset.name: data_fingerprint(dataset, data.tfds_data_dir) for dataset in tuned},
        'evaluated': {dataset.name: data_fingerprint(dataset, data.tfds_data_dir) for dataset in unseen},
    }
    if before and before['compared'] == compared:
        return dict(before)
    found = shared_texts(unseen, tuned, data.tfds_data_dir)
    return {'compared': compared, 'overlaps': [dataclasses.asdict(overlap) for overlap in found]}


def check_declarations(left_out: Sequence[str], tuned: Sequence[Dataset], unseen: Sequence[Dataset]) -> None:
    """Raises HoldOutError if a tuned dataset is of a cluster left out, or read from the source of an unseen one."""
    if inside := [dataset.name for dataset in tuned if catalogue.is_left_out(dataset, left_out)]:
        raise HoldOutError(f'{", ".join(inside)}: tuned on, although of a cluster left out ({", ".join(left_out)})')
    by_source = {dataset.source_name: dataset.name for dataset in tuned}
    if shared := [dataset for dataset in unseen if dataset.source_name in by_source]:
        lines = [f'  {d.name} and {by_source[d.source_name]} are both read from {d.source_name}' for d in shared]
        raise HoldOutError('what is evaluated is also tuned on:\n' + '\n'.join(lines))


def shared_texts(evaluated: Sequence[Dataset], tuned: Sequence[Dataset], data_dir: str) -> list[Overlap]:
    """The overlaps of the evaluated datasets' test and validation examples with the tuned ones' training examples."""
    owners: dict[str, list[tuple[str, int]]] = collections.defaultdict(list)
    sizes: dict[str, int] = {}
    with bar('proving the hold-out', len(evaluated) + len(tuned)) as advance:
        for dataset in evaluated:
            splits = [split for split in ('validation', 'test') if split in split_slices(dataset, data_dir)]
            texts_of = [texts for split in splits for texts in example_texts(dataset, split, data_dir)]
            sizes[dataset.name] = len(texts_of)
            for index, texts in enumerate(texts_of):
                for text in texts:
                    owners[text].append((dataset.name, index))
            advance(1, dataset.name)
        overlaps = []
        for dataset in tuned:
            overlaps += _overlaps_with(dataset, owners, sizes, data_dir)
            advance(1, dataset.name)
    return overlaps


def _overlaps_with(tuned: Dataset, owners: Mapping[str, Sequence], sizes: Mapping[str, int], data_dir: str):
    """The overlaps of the evaluated texts with one tuned dataset."""
    sharing: dict[str, set[int]] = collections.defaultdict(set)
    shared: dict[str, str] = {}
    for texts in example_texts(tuned, 'train', data_dir):
        for text in texts & owners.keys():
            for evaluated, index in owners[text]:
                sharing[evaluated].add(index)
                shared.setdefault(evaluated, text[:200])
    return [Overlap(name, tuned.name, len(sharing[name]), sizes[name], shared[name]) for name in sorted(sharing)]


def example_texts(dataset: Dataset, split: str, data_dir: str) -> Iterator[set[str]]:
    """Of every usable example the texts that make it that example: its long fields, and all fields together.

    Case and blanks do not count.
    """
    examples = keep_usable(PreparedSource(dataset, data_dir).get_dataset(split, shuffle=False), dataset)

    def read_fields(ex):
        return tf.stack([tf.convert_to_tensor(read_field(field, ex)) for field in dataset.fields.values()])

    for batch in examples.map(read_fields).batch(_EXAMPLES_AT_A_TIME).as_numpy_iterator():
        for fields in batch:
            texts = [' '.join(field.decode().lower().split()) for field in fields]
            yield {text for text in texts if text.count(' ') + 1 >= SHORTEST_TEXT} | {' | '.join(sorted(texts))}
