"""The catalogue of clusters and datasets, and the clusters that are left out when one is held out."""

import importlib
import itertools
from collections.abc import Collection, Iterable

from flan_jax.catalogue.declaration import Cluster, Dataset, DeclarationError
from flan_jax.catalogue.template_checks import check_templates
from flan_jax.errors import UnknownName, UserError

JOIN = '+'
"""Joins several names, as in 'sentiment+trec'."""

CLUSTERS: dict[str, Cluster] = {}
DATASETS: dict[str, Dataset] = {}

OURS: set[str] = set()
"""Names of the project's datasets; others come from users' modules, or from prepared files."""


def add(*datasets: Dataset) -> None:
    """Adds datasets, and the clusters they belong to.

    Raises:
      DeclarationError: if a dataset's name is taken, its cluster's name stands for another cluster, or a template is
        unsound.
    """
    for dataset in datasets:
        check_templates(dataset)
        if dataset.name in DATASETS:
            raise DeclarationError(f'dataset {dataset.name!r} is declared twice')
        if CLUSTERS.setdefault(dataset.cluster.name, dataset.cluster) != dataset.cluster:
            raise DeclarationError(
                f'{dataset.name}: cluster {dataset.cluster.name!r} is declared twice, with different values'
            )
        DATASETS[dataset.name] = dataset


def add_ours(*datasets: Dataset) -> None:
    """As `add`, for the project's datasets."""
    add(*datasets)
    OURS.update(dataset.name for dataset in datasets)


def load(modules: Iterable[str] = ()) -> None:
    """Fills the catalogue, and SeqIO's registries with it; `modules` as in `declare`."""
    declare(('flan_jax.tasks.registered', *modules))


def declare(modules: Iterable[str] = ()) -> None:
    """Fills the catalogue: flan_jax.tasks, then `modules`, dotted names of modules that call `add`.

    Does not import TensorFlow, which declarations need only when they read a row.

    Raises:
      UserError: if there is no such module.
    """
    for module in ('flan_jax.tasks', *modules):
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            if not f'{module}.'.startswith(f'{error.name}.'):  # an import within the module failed
                raise
            raise UserError(
                f'module {module!r}: {error}; use its dotted name, without .py, and add its parent folder to '
                "Python's path, such as PYTHONPATH=. for the current folder"
            ) from error


def dataset(name: str) -> Dataset:
    """The dataset with this name; raises UnknownName."""
    if name not in DATASETS:
        raise UnknownName('dataset', name, DATASETS)
    return DATASETS[name]


def cluster(name: str) -> Cluster:
    """The cluster with this name; raises UnknownName."""
    if name not in CLUSTERS:
        raise UnknownName('cluster', name, CLUSTERS)
    return CLUSTERS[name]


def datasets_in(cluster_name: str) -> list[Dataset]:
    """The datasets of a cluster, in the order of declaration."""
    cluster(cluster_name)
    return [d for d in DATASETS.values() if d.cluster.name == cluster_name]


def paper_clusters() -> list[str]:
    """The clusters of FLAN's Figure 3: those with a dataset of the paper."""
    return [name for name in CLUSTERS if any(dataset.paper_name for dataset in datasets_in(name))]


def clusters_held_out(held_out: str) -> list[str]:
    """The clusters in a setting such as 'a+b'; raises UnknownName."""
    return [cluster(name).name for name in held_out.split(JOIN)]


def clusters_left_out(held_out: str) -> tuple[str, ...]:
    """The clusters that are not tuned on while `held_out` is evaluated.

    These are the held-out clusters, their cross-exclusions (FLAN, footnote 1), and all other clusters that one of their
    datasets belongs to.
    """
    names = clusters_held_out(held_out)
    left_out = [(name, *cluster(name).also_left_out) for name in names]
    left_out += [dataset.held_out_with for name in names for dataset in datasets_in(name)]
    return tuple(dict.fromkeys(itertools.chain.from_iterable(left_out)))


def is_left_out(dataset: Dataset, left_out: Collection[str]) -> bool:
    """Whether a dataset belongs to any of the left-out clusters (FLAN, section 2.2)."""
    return not {dataset.cluster.name, *dataset.held_out_with}.isdisjoint(left_out)
