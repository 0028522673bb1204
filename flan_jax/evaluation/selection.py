"""Selection of the datasets and templates to evaluate."""

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.errors import UnknownName
from flan_jax.evaluation.settings import Evaluation
from flan_jax.settings import SettingsError


def named_datasets(evaluation: Evaluation, held_out: str | None) -> list[Dataset]:
    """The datasets of `Evaluation.targets`, or of the held-out cluster, without repetitions, prepared or not.

    Raises:
      UnknownName: if a name is neither a cluster nor a dataset.
      SettingsError: if there are no targets and nothing is held out.
    """
    names = evaluation.targets or (catalogue.clusters_held_out(held_out) if held_out else ())
    if not names:
        raise SettingsError('nothing to evaluate: set HELD_OUT, or EVAL_TASKS to a tuple of clusters and datasets')
    datasets: dict[str, Dataset] = {}
    for name in names:
        if name not in catalogue.CLUSTERS and name not in catalogue.DATASETS:
            raise UnknownName('cluster or dataset', name, [*catalogue.CLUSTERS, *catalogue.DATASETS])
        found = catalogue.datasets_in(name) if name in catalogue.CLUSTERS else [catalogue.dataset(name)]
        datasets |= {dataset.name: dataset for dataset in found}
    return list(datasets.values())


def chosen_templates(dataset: Dataset, wanted: tuple[int, ...]) -> list[int]:
    """The templates of a dataset to evaluate: those wanted, or all that are not inverted.

    Raises:
      SettingsError: if a wanted template does not exist, or is inverted.
    """
    allowed = list(dataset.forward_templates)
    if unknown := [template for template in wanted if template not in allowed]:
        raise SettingsError(
            f'Evaluation.templates={wanted}: {dataset.name} cannot be evaluated with template {unknown[0]}; it has '
            f'{", ".join(map(str, allowed))}. Leave it out, or choose other datasets with EVAL_TASKS'
        )
    return list(dict.fromkeys(wanted)) or allowed
