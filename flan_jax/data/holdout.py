"""Proof that a held-out cluster is not tuned on: by cluster, by TFDS source, and by text.

No cluster and no source may be shared. Texts may be shared nevertheless, since datasets are derived from each other
(QNLI has SQuAD's questions): the affected examples are counted by dataset, and reported.
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
"""Definition of the comparison of texts, with a version; proofs with another definition are computed again."""


class HoldOutError(UserError):
    """Held-out data would be tuned on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overlap(Counts):
    """The overlap of an evaluated dataset with one that is tuned on.

    Attributes:
      evaluated: the evaluated dataset.
      tuned: the dataset that is tuned on.
      evaluated_cluster: cluster of the evaluated dataset.
      tuned_cluster: cluster of the dataset that is tuned on.
    """

    evaluated: str
    tuned: str
    evaluated_cluster: str
    tuned_cluster: str


def prove(data: Data, evaluated: Sequence[Dataset], before: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
    """Proves that the datasets of `evaluated` that belong to left-out clusters are not tuned on.

    Args:
      data: the training data, with the held-out cluster.
      evaluated: the datasets to be evaluated, prepared.
      before: an earlier proof, which is returned if it was computed from the same data.

    Returns:
      Fingerprints of the compared data, and the overlaps of texts as mappings; None if the mixture does not come from
      the catalogue, so that its datasets are unknown.

    Raises:
      HoldOutError: if a dataset of a left-out cluster, or the TFDS source of an evaluated dataset, is tuned on.
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
    """Raises HoldOutError if a tuned dataset belongs to a left-out cluster, or shares the source of an unseen one."""
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
    """Pairs of an evaluated and a tuned cluster with overlapping texts, and their overlaps in a proof.

    The paper excludes none of these clusters from tuning: excluded clusters are not tuned on, and not compared.
    """
    pairs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for overlap in overlaps:
        pairs.setdefault((overlap['evaluated_cluster'], overlap['tuned_cluster']), []).append(overlap)
    return [(*pair, found) for pair, found in pairs.items()]


def in_words(overlap: Mapping[str, Any]) -> str:
    """A description of one overlap of a proof."""
    return (
        '{examples} of {of} examples of {evaluated} overlap {tuned}: {equal} equal, {contained} contained, '
        '{shared} with {size} words in common'
    ).format(**overlap, shared=overlap['examples'] - overlap['equal'] - overlap['contained'])
