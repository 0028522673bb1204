"""Proof that a held-out cluster was not tuned on: by cluster, by TFDS source, and by text.

The first two must hold. Texts may be shared all the same, since datasets borrow from each other (QNLI has SQuAD's
questions); how many examples are concerned, and by which dataset, is counted and reported.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.mixtures import tuning_mixture
from flan_jax.data.overlap.compared import Counts, EvaluatedRows
from flan_jax.data.overlap.raw_texts import raw_texts
from flan_jax.data.settings import Data
from flan_jax.data.source import data_fingerprint
from flan_jax.errors import UserError
from flan_jax.progress import bar

METHOD = 'shingles of raw texts, 1'
"""How texts are compared, and its version; a proof by another is made anew."""


class HoldOutError(UserError):
    """What is held out is tuned on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overlap(Counts):
    """How an evaluated dataset overlaps a tuned one.

    Attributes:
      evaluated: the evaluated dataset.
      tuned: the dataset that is tuned on.
      evaluated_cluster: the former's cluster.
      tuned_cluster: the latter's.
    """

    evaluated: str
    tuned: str
    evaluated_cluster: str
    tuned_cluster: str


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
    left_out = catalogue.clusters_left_out(data.held_out or '')
    mixture = tuning_mixture(data)
    tuned = list({dataset.name: dataset for dataset in mixture.datasets.values()}.values())
    unseen = [dataset for dataset in evaluated if catalogue.is_left_out(dataset, left_out)]
    if not tuned:
        return None
    check_declarations(left_out, tuned, unseen)
    compared = {
        'method': METHOD,
        'left_out': list(left_out),
        'dropped': {name: dropped.examples for name, dropped in mixture.dropped.items()},
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
        raise HoldOutError(
            f'{", ".join(inside)}: in the tuning mixture, although in a held-out cluster ({", ".join(left_out)})'
        )
    by_source = {dataset.source_name: dataset.name for dataset in tuned}
    if shared := [dataset for dataset in unseen if dataset.source_name in by_source]:
        lines = [f'  {d.name} and {by_source[d.source_name]} are both read from {d.source_name}' for d in shared]
        raise HoldOutError('evaluated datasets are also in the tuning mixture:\n' + '\n'.join(lines))


def shared_texts(evaluated: Sequence[Dataset], tuned: Sequence[Dataset], data_dir: str) -> list[Overlap]:
    """The overlaps of the evaluated datasets' test and validation rows with the training rows of other clusters.

    The training rows are those that tuning may read.
    """
    cluster_of = {dataset.name: dataset.cluster.name for dataset in evaluated}
    overlaps = []
    with bar('checking the hold-out', len(evaluated) + len(tuned)) as advance:
        rows = EvaluatedRows(evaluated, data_dir, advance)
        for dataset in tuned:
            tuned_cluster = dataset.cluster.name
            for name, counts in rows.found_in(raw_texts(dataset, 'train', data_dir)).counts().items():
                if cluster_of[name] != tuned_cluster:
                    clusters: Any = {'evaluated_cluster': cluster_of[name], 'tuned_cluster': tuned_cluster}
                    overlaps.append(Overlap(evaluated=name, tuned=dataset.name, **clusters, **vars(counts)))
            advance(1, dataset.name)
    return overlaps


def overlapping_clusters(overlaps: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, list[Mapping[str, Any]]]]:
    """The pairs of an evaluated and a tuned cluster that overlap by text, with the overlaps of a proof that say so.

    The paper excludes none of them from tuning: what it excludes is not tuned on, so that no proof compares it.
    """
    pairs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for overlap in overlaps:
        pairs.setdefault((overlap['evaluated_cluster'], overlap['tuned_cluster']), []).append(overlap)
    return [(*pair, found) for pair, found in pairs.items()]


def in_words(overlap: Mapping[str, Any]) -> str:
    """What one overlap of a proof says."""
    return (
        '{examples} of {of} examples of {evaluated} overlap {tuned}: {equal} equal, {contained} contained, '
        '{shared} with {size} words in common'
    ).format(**overlap, shared=overlap['examples'] - overlap['equal'] - overlap['contained'])
