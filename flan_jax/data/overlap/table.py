"""Where clusters of the catalogue overlap by text, whether the paper excludes one with the other or not."""

from collections.abc import Sequence

from flan_jax import catalogue
from flan_jax.data.holdout import Overlap, shared_texts
from flan_jax.data.mixtures import missing_datasets
from flan_jax.data.overlap.compared import is_evaluated


def catalogue_overlaps(clusters: Sequence[str], data_dir: str) -> list[tuple[Overlap, bool]]:
    """How the prepared datasets of clusters overlap the prepared training examples of all others.

    Returns:
      The overlaps, the largest share of a dataset first, each with whether the paper excludes the cluster that it is
      tuned on when the evaluated one is held out.
    """
    datasets = catalogue.DATASETS.values()
    trained = [d for d in datasets if d.splits.train]
    missing = missing_datasets(trained, data_dir)
    tuned = [dataset for dataset in trained if dataset not in missing]
    evaluated = [d for d in datasets if d.cluster.name in clusters and is_evaluated(d, data_dir)]
    found = sorted(shared_texts(evaluated, tuned, data_dir), key=lambda o: (-o.examples / o.of, o.evaluated, o.tuned))
    return [(overlap, overlap.tuned_cluster in _left_out(overlap)) for overlap in found]


def _left_out(overlap: Overlap) -> tuple[str, ...]:
    return catalogue.clusters_left_out(overlap.evaluated_cluster)
