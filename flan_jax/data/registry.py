"""The catalogue in SeqIO's registries, for SeqIO's own tools and for other trainers.

Thousands of names are registered when `flan_jax.tasks` is imported, so a task is built only when it is looked into.
"""

import functools
from collections.abc import Callable, Iterable, Iterator

import seqio

from flan_jax.data import catalogue
from flan_jax.data.dataset import Dataset
from flan_jax.data.mixtures import EVERYTHING, members, mixing_rate
from flan_jax.data.seqio_tasks import Features, generation_task, output_features, rank_task, training_task
from flan_jax.data.vocabulary import Vocabulary
from flan_jax.settings import Data

Build = Callable[[], seqio.Task]


class LazyTask(seqio.Task):
    """A task that is built when something other than its name is first asked for."""

    def __init__(self, name: str, build: Build):
        self._name = name
        self._build = build

    def __getattr__(self, attribute: str):
        build = self.__dict__.pop('_build', None)
        if build is None:
            raise AttributeError(f'task {self.__dict__.get("_name")!r} has no attribute {attribute!r}')
        self.__dict__.update(build().__dict__)
        return getattr(self, attribute)


def register(datasets: Iterable[Dataset]) -> None:
    """Registers every task of the datasets, with the bundled vocabulary, reading from SeqIO's data directory."""
    features = output_features(Vocabulary().seqio())
    for dataset in datasets:
        for name, build in tasks_of(dataset, features):
            seqio.TaskRegistry.add_provider(name, LazyTask(name, build))


def register_mixtures() -> None:
    """Registers the mixture of the whole catalogue, and one without each cluster and those akin to it."""
    for held_out in (None, *catalogue.CLUSTERS):
        name = EVERYTHING if held_out is None else f'{EVERYTHING}_without_{held_out}'
        datasets = members(Data(tfds_data_dir='', held_out=held_out))
        seqio.MixtureRegistry.add(name, [(d.name, functools.partial(_rate, dataset=d)) for d in datasets])


def tasks_of(dataset: Dataset, features: Features) -> Iterator[tuple[str, Build]]:
    """Name and builder of every task that derives from a dataset."""
    if dataset.splits.train:
        yield dataset.name, functools.partial(training_task, dataset, features)
    for template in dataset.forward_templates:
        name = f'{dataset.name}_template_{template}'
        yield name, functools.partial(generation_task, dataset, template, features)
        if dataset.has_options:
            rank = functools.partial(rank_task, dataset, template, features)
            yield f'{name}_rank', rank
            yield f'{name}_rank_no_options', functools.partial(rank, show_options=False)


def _rate(task: seqio.Task, dataset: Dataset) -> float:
    return mixing_rate(dataset, task.source.data_dir)
