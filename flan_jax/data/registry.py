"""The catalogue in SeqIO's registries, for SeqIO's own tools and for other trainers.

Ten thousand names are registered when `flan_jax.tasks` is imported, so a task is built only when it is looked into.

| name | what it is |
|---|---|
| rte | training: a random template for every example and epoch |
| rte_few_shot | training: the same with up to 16 exemplars |
| rte_first_4_templates | training: a random one of the first four templates |
| rte_no_template, rte_dataset_name | training: the wordings of FLAN's section 4.3 |
| rte_response_only | training: answers after empty inputs (response tuning, Hewitt et al. 2024) |
| rte_template_3 | evaluation: template 3, the answer written out |
| rte_template_3_rank | evaluation: every option as a target to be scored |
| rte_template_3_rank_no_options | evaluation: the same without the options suffix |
| rte_template_3_4_shot, rte_template_3_rank_4_shot | evaluation: with four exemplars, sampled for each example |
| rte_template_3_4_fixed_shot, ... | evaluation: with the same four exemplars for all examples |
| rte_dataset_name_template_0, ... | evaluation: the wordings of section 4.3 |

The mixtures are those of `members.own_mixtures` but for single datasets; `flan` and `flan_without_CLUSTER` exist in all
forms of training, such as `flan_without_sentiment_few_shot`.
"""

import functools
from collections.abc import Callable, Iterable, Iterator

import seqio

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.forms import in_form
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.members import EVERYTHING, FORMS, WITHOUT, own_mixtures
from flan_jax.data.mixtures import mixing_rate
from flan_jax.data.seqio_tasks import generation_task, rank_task, training_task
from flan_jax.data.settings import MAX_SHOTS
from flan_jax.tokenizers.vocabulary import Vocabulary

SHOTS = (1, 2, 4, 8, MAX_SHOTS)
"""Numbers of exemplars for which evaluation tasks have a name."""

Build = Callable[[], seqio.Task]


class LazyTask(seqio.Task):
    """A task that is built when something other than its name is first needed."""

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
    vocabulary = Vocabulary()
    for dataset in datasets:
        for name, build in tasks_of(dataset, vocabulary):
            seqio.TaskRegistry.add_provider(name, LazyTask(name, build))


def register_mixtures() -> None:
    """Registers the catalogue's mixtures: `flan`, and it without each cluster and those related to it, in all forms."""
    for name, datasets in own_mixtures().items():
        if name not in catalogue.DATASETS:
            in_all_forms = name == EVERYTHING or name.startswith(WITHOUT)
            for form in FORMS if in_all_forms else ('',):
                _add_mixture(name + form, [dataset for dataset in datasets if dataset.splits.train], form)


def tasks_of(dataset: Dataset, vocabulary: Vocabulary) -> Iterator[tuple[str, Build]]:
    """Name and builder of every task that derives from a dataset."""
    if dataset.splits.train:
        yield from _training_tasks(dataset, vocabulary)
    yield from _evaluation_tasks(dataset, dataset.name, vocabulary)
    for suffix, form in FORMS.items():
        if form.instructions not in ('templates', 'response_only'):  # there is nothing to ask without a question
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
    kinds = {'': generation_task, '_rank': rank_task} if dataset.has_options else {'': generation_task}
    for exemplars in (Exemplars(dataset, shots, fixed=fixed) for shots in SHOTS for fixed in (False, True)):
        for template in dataset.forward_templates:
            for kind, make_task in kinds.items():
                build = functools.partial(make_task, dataset, template, vocabulary, exemplars=exemplars)
                yield f'{dataset.name}_template_{template}{kind}{exemplars.suffix}', build


def _add_mixture(name: str, datasets: Iterable[Dataset], form: str) -> None:
    """Registers a mixture of the datasets' training tasks in one form."""
    seqio.MixtureRegistry.add(name, [(d.name + form, functools.partial(_rate, dataset=d)) for d in datasets])


def _rate(task: seqio.Task, dataset: Dataset) -> float:
    return mixing_rate(dataset, task.source.data_dir)
