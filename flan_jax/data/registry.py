"""The catalogue in SeqIO's registries, for SeqIO's own tools and for other trainers.

Every name has the prefix `flan_jax.v1.`, which is left out here. Importing `flan_jax.tasks.registered` registers ten
thousand names, so tasks and mixtures are built lazily.

| name | what it is |
|---|---|
| rte | training: a random template for every example and epoch |
| rte_few_shot | training: the same with up to 16 exemplars |
| rte_first_4_templates | training: a random one of the first four templates |
| rte_no_template, rte_dataset_name | training: the ablations of FLAN's section 4.3 |
| rte_response_only | training: answers after empty inputs (response tuning, Hewitt et al. 2024) |
| rte_template_3 | evaluation: template 3, the answer generated |
| rte_template_3_rank | evaluation: every option as a target to be scored |
| rte_template_3_rank_no_options | evaluation: the same without the options suffix |
| rte_template_3_4_shot, rte_template_3_rank_4_shot | evaluation: with four exemplars, sampled for each example |
| rte_template_3_4_fixed_shot, ... | evaluation: with the same four exemplars for all examples |
| rte_dataset_name_template_0, ... | evaluation: the ablations of section 4.3 |
| sentiment_eval | mixture for evaluation: every template of a cluster's datasets, the answer generated |
| sentiment_eval_rank | mixture for evaluation: every template of those with options, each option to be scored |

The mixtures for training are those of `members.own_mixtures` without single datasets; `flan` and `flan_without_CLUSTER`
exist in all forms of training, such as `flan_without_sentiment_few_shot`.

SeqIO caches the examples of a task in a folder of its name, which therefore includes a version. There is no shorter
alias: its cache would become stale unnoticed, and `rte` or `cola` may be another library's task.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence

import seqio

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.forms import in_form
from flan_jax.data.catalogue_task import CatalogueTask
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.members import EVERYTHING, FORMS, REGISTERED, WITHOUT, own_mixtures
from flan_jax.data.mixtures import mixing_rate
from flan_jax.data.seqio_tasks import generation_task, rank_task, training_task
from flan_jax.data.settings import MAX_SHOTS
from flan_jax.tokenizers.vocabulary import Vocabulary

SHOTS = (1, 2, 4, 8, MAX_SHOTS)
"""Numbers of exemplars of the registered evaluation tasks."""

Build = Callable[[], seqio.Task]

Rate = float | Callable[[seqio.Task], float]
"""The relative rate at which a mixture samples from a task."""


class LazyProvider:
    """A task or mixture that is built at the first access to an attribute other than its name."""

    def __init__(self, name: str, build: Callable[[], seqio.Task | seqio.Mixture]):
        self._name = name
        self._build = build

    def __getattr__(self, attribute: str):
        build = self.__dict__.pop('_build', None)
        if build is None:
            raise AttributeError(f'{self.__dict__.get("_name")!r} has no attribute {attribute!r}')
        self.__dict__.update(build().__dict__ | {'_name': self._name})
        return getattr(self, attribute)


class LazyTask(LazyProvider, CatalogueTask):
    """A `LazyProvider` that SeqIO accepts as a task."""


class LazyMixture(LazyProvider, seqio.Mixture):
    """A `LazyProvider` that SeqIO accepts as a mixture."""


def register(datasets: Iterable[Dataset]) -> None:
    """Registers every task of the datasets, with the bundled vocabulary, reading from SeqIO's data directory."""
    vocabulary = Vocabulary()
    for dataset in datasets:
        for name, build in tasks_of(dataset, vocabulary):
            seqio.TaskRegistry.add_provider(REGISTERED + name, LazyTask(REGISTERED + name, build))


def register_mixtures() -> None:
    """Registers the catalogue's mixtures for training, some of them in all forms, and those for evaluation."""
    for name, datasets in own_mixtures().items():
        if name not in catalogue.DATASETS:
            in_all_forms = name == EVERYTHING or name.startswith(WITHOUT)
            for form in FORMS if in_all_forms else ('',):
                tasks = [(d.name + form, functools.partial(_rate, dataset=d)) for d in datasets if d.splits.train]
                _add_mixture(name + form, tasks)
    for cluster in catalogue.CLUSTERS:
        for kind in ('', '_rank'):
            names = [name for dataset in catalogue.datasets_in(cluster) for name in _evaluated(dataset, kind)]
            if names:
                _add_mixture(f'{cluster}_eval{kind}', [(name, 1.0) for name in names])


def tasks_of(dataset: Dataset, vocabulary: Vocabulary) -> Iterator[tuple[str, Build]]:
    """Name and builder of every task of a dataset."""
    if dataset.splits.train:
        yield from _training_tasks(dataset, vocabulary)
    yield from _evaluation_tasks(dataset, dataset.name, vocabulary)
    for suffix, form in FORMS.items():
        if form.instructions not in ('templates', 'response_only'):  # empty inputs cannot be evaluated
            yield from _evaluation_tasks(in_form(dataset, form.instructions), dataset.name + suffix, vocabulary)
    if dataset.splits.train:
        yield from _few_shot_tasks(dataset, vocabulary)


def _training_tasks(dataset: Dataset, vocabulary: Vocabulary) -> Iterator[tuple[str, Build]]:
    for suffix, form in FORMS.items():
        exemplars = Exemplars(dataset, form.shots) if form.shots else None
        formed = in_form(dataset, form.instructions, form.templates)
        yield dataset.name + suffix, functools.partial(training_task, formed, vocabulary, exemplars=exemplars)


def _evaluation_tasks(dataset: Dataset, name: str, vocabulary: Vocabulary) -> Iterator[tuple[str, Build]]:
    for template in dataset.forward_templates:
        yield f'{name}_template_{template}', functools.partial(generation_task, dataset, template, vocabulary)
        if dataset.has_options:
            rank = functools.partial(rank_task, dataset, template, vocabulary)
            yield f'{name}_template_{template}_rank', rank
            yield f'{name}_template_{template}_rank_no_options', functools.partial(rank, show_options=False)


def _few_shot_tasks(dataset: Dataset, vocabulary: Vocabulary) -> Iterator[tuple[str, Build]]:
    kinds: dict[str, Callable[..., seqio.Task]] = {'': generation_task}
    if dataset.has_options:
        kinds['_rank'] = rank_task
    for exemplars in (Exemplars(dataset, shots, fixed=fixed) for shots in SHOTS for fixed in (False, True)):
        for template in dataset.forward_templates:
            for kind, make_task in kinds.items():
                build = functools.partial(make_task, dataset, template, vocabulary, exemplars=exemplars)
                yield f'{dataset.name}_template_{template}{kind}{exemplars.suffix}', build


def _evaluated(dataset: Dataset, kind: str) -> Iterator[str]:
    """Names of a dataset's zero-shot evaluation tasks of a kind, if it has any."""
    if dataset.has_options or not kind:
        for template in dataset.forward_templates:
            yield f'{dataset.name}_template_{template}{kind}'


def _add_mixture(name: str, tasks: Sequence[tuple[str, Rate]]) -> None:
    """Registers a mixture of tasks, each given by its name without prefix, and its rate."""
    rates = [(REGISTERED + task, rate) for task, rate in tasks]
    build = functools.partial(seqio.Mixture, REGISTERED + name, rates)
    seqio.MixtureRegistry.add_provider(REGISTERED + name, LazyMixture(REGISTERED + name, build))


def _rate(task: seqio.Task, dataset: Dataset) -> float:
    return mixing_rate(dataset, task.source.data_dir)
