"""Overlaps of texts between clusters of the catalogue."""

from collections.abc import Sequence

from flan_jax import catalogue
from flan_jax.data.holdout import Overlap, shared_texts
from flan_jax.data.mixtures import missing_datasets
from flan_jax.data.overlap.compared import is_evaluated


def catalogue_overlaps(clusters: Sequence[str], data_dir: str) -> list[tuple[Overlap, bool]]:
    """How the prepared datasets of clusters overlap the prepared training examples of all others.

    Returns:
      The overlaps, sorted by share of the evaluated dataset, largest first; each with whether the dataset that is tuned
      on is left out when the evaluated cluster is held out.
    """
    datasets = catalogue.DATASETS.values()
    trained = [d for d in datasets if d.splits.train]
    missing = missing_datasets(trained, data_dir)
    tuned = [dataset for dataset in trained if dataset not in missing]
    evaluated = [d for d in datasets if d.cluster.name in clusters and is_evaluated(d, data_dir)]
    found = sorted(shared_texts(evaluated, tuned, data_dir), key=lambda o: (-o.examples / o.of, o.evaluated, o.tuned))
    return [(overlap, _is_left_out(overlap)) for overlap in found]


def _is_left_out(overlap: Overlap) -> bool:
    left_out = catalogue.clusters_left_out(overlap.evaluated_cluster)
    return catalogue.is_left_out(catalogue.dataset(overlap.tuned), left_out)
