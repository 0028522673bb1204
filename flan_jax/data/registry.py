"""The catalogue in SeqIO's registries, for SeqIO's own tools and for other trainers.

Ten thousand names are registered when `flan_jax.tasks` is imported, so a task is built only when it is looked into.

| name | what it is |
|---|---|
| rte | training: a random template for every example and epoch |
| rte_few_shot | training: the same with up to 16 exemplars |
| rte_first_4_templates | training: a random one of the first four templates |
| rte_no_template, rte_dataset_name | training: the wordings of FLAN's section 4.3 |
| rte_template_3 | evaluation: template 3, the answer written out |
| rte_template_3_rank | evaluation: every option as a target to be scored |
| rte_template_3_rank_no_options | evaluation: the same without the options suffix |
| rte_template_3_4_shot, rte_template_3_rank_4_shot | evaluation: with four exemplars, drawn for each example |
| rte_template_3_4_fixed_shot, ... | evaluation: with the same four exemplars for all examples |
| rte_dataset_name_template_0, ... | evaluation: the wordings of section 4.3 |

The mixtures are those of `mixtures.own_mixtures` but for single datasets, and `flan_without_CLUSTER`; `flan` and
`flan_without_CLUSTER` exist in all forms of training, such as `flan_without_sentiment_few_shot`.
"""

import functools
from collections.abc import Callable, Iterable, Iterator

import seqio

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.forms import TEMPLATE_COUNTS, in_form
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.mixtures import EVERYTHING, members, mixing_rate, own_mixtures
from flan_jax.data.seqio_tasks import Features, generation_task, output_features, rank_task, training_task
from flan_jax.data.settings import MAX_SHOTS, Data
from flan_jax.tokenizers.vocabulary import Vocabulary

SHOTS = (1, 2, 4, 8, MAX_SHOTS)
"""Numbers of exemplars for which evaluation tasks have a name."""

WORDINGS = {'_no_template': 'none', '_dataset_name': 'dataset_name'}
"""Suffix of the tasks of an ablation's wording to what it is called in settings."""

FEWER_TEMPLATES = {f'_first_{n}_templates': n for n in TEMPLATE_COUNTS}
"""Suffix of the tasks that use the first templates only to their number."""

TRAINING_FORMS = ('', '_few_shot', *WORDINGS, *FEWER_TEMPLATES)
"""Suffixes of training tasks, and of the mixtures made of them."""

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
        self.__dict__.update(build().__dict__ | {'_name': self._name})
        return getattr(self, attribute)


def register(datasets: Iterable[Dataset]) -> None:
    """Registers every task of the datasets, with the bundled vocabulary, reading from SeqIO's data directory."""
    features = output_features(Vocabulary().seqio())
    for dataset in datasets:
        for name, build in tasks_of(dataset, features):
            seqio.TaskRegistry.add_provider(name, LazyTask(name, build))


def register_mixtures() -> None:
    """Registers the catalogue's mixtures, and those without each cluster and the ones akin to it."""
    for name, datasets in own_mixtures().items():
        if name not in catalogue.DATASETS and name != EVERYTHING:
            _add_mixture(name, [d for d in datasets if d.splits.train], '')
    for held_out in (None, *catalogue.CLUSTERS):
        name = EVERYTHING if held_out is None else f'{EVERYTHING}_without_{held_out}'
        datasets = members(Data(tfds_data_dir='', held_out=held_out))
        for form in TRAINING_FORMS:
            _add_mixture(name + form, datasets, form)


def tasks_of(dataset: Dataset, features: Features) -> Iterator[tuple[str, Build]]:
    """Name and builder of every task that derives from a dataset."""
    if dataset.splits.train:
        yield from _training_tasks(dataset, features)
    yield from _evaluation_tasks(dataset, dataset.name, features)
    for suffix, wording in WORDINGS.items():
        yield from _evaluation_tasks(in_form(dataset, wording), dataset.name + suffix, features)
    if dataset.splits.train:
        yield from _few_shot_tasks(dataset, features)


def _training_tasks(dataset: Dataset, features: Features) -> Iterator[tuple[str, Build]]:
    forms = {'': dataset}
    forms |= {suffix: in_form(dataset, wording) for suffix, wording in WORDINGS.items()}
    forms |= {suffix: in_form(dataset, 'templates', count) for suffix, count in FEWER_TEMPLATES.items()}
    for suffix, form in forms.items():
        yield dataset.name + suffix, functools.partial(training_task, form, features)
    exemplars = Exemplars(dataset, MAX_SHOTS)
    yield f'{dataset.name}_few_shot', functools.partial(training_task, dataset, features, exemplars=exemplars)


def _evaluation_tasks(dataset: Dataset, name: str, features: Features) -> Iterator[tuple[str, Build]]:
    for template in dataset.forward_templates:
        yield f'{name}_template_{template}', functools.partial(generation_task, dataset, template, features)
        if dataset.has_options:
            rank = functools.partial(rank_task, dataset, template, features)
            yield f'{name}_template_{template}_rank', rank
            yield f'{name}_template_{template}_rank_no_options', functools.partial(rank, show_options=False)


def _few_shot_tasks(dataset: Dataset, features: Features) -> Iterator[tuple[str, Build]]:
    kinds = {'': generation_task, '_rank': rank_task} if dataset.has_options else {'': generation_task}
    for exemplars in (Exemplars(dataset, shots, fixed=fixed) for shots in SHOTS for fixed in (False, True)):
        for template in dataset.forward_templates:
            for kind, make_task in kinds.items():
                build = functools.partial(make_task, dataset, template, features, exemplars=exemplars)
                yield f'{dataset.name}_template_{template}{kind}{exemplars.suffix}', build


def _add_mixture(name: str, datasets: Iterable[Dataset], form: str) -> None:
    """Registers a mixture of the datasets' training tasks in one form."""
    seqio.MixtureRegistry.add(name, [(d.name + form, functools.partial(_rate, dataset=d)) for d in datasets])


def _rate(task: seqio.Task, dataset: Dataset) -> float:
    return mixing_rate(dataset, task.source.data_dir)
