"""What a mixture's name stands for: datasets, each in a form in which it is tuned on."""

import dataclasses
import math
from collections.abc import Sequence

import seqio

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.forms import TEMPLATE_COUNTS, Instructions, in_form
from flan_jax.data.parts import Part
from flan_jax.data.settings import MAX_SHOTS, Data
from flan_jax.errors import UnknownName, UserError

EVERYTHING = 'flan'
"""Name of the mixture of the whole catalogue, as far as it counts among the paper's datasets."""

WITHOUT = f'{EVERYTHING}_without_'
"""How the names of mixtures begin that leave a cluster, and those related to it, out."""

REGISTERED = 'flan_jax.v1.'
"""What the names in SeqIO's registries begin with. Its version rises whenever what SeqIO caches of an example changes:
fields, their cleaning, or which examples there are."""

ADDED_IN_ORDER = (
    ('summarization',),
    ('translation',),
    ('reading_comprehension',),
    ('sentiment',),
    ('struct_to_text',),
    ('coreference',),
    ('coqa', 'quac'),
)
"""Clusters, and datasets that the paper takes for one, in the order in which its Figure 6 adds them."""


@dataclasses.dataclass(frozen=True)
class Form:
    """A form in which datasets are tuned on.

    Attributes:
      instructions: how inputs are worded.
      templates: how many of the first templates are used; None for all.
      shots: exemplars before each input at most.
    """

    instructions: Instructions = 'templates'
    templates: int | None = None
    shots: int = 0


FORMS = {
    '': Form(),
    '_few_shot': Form(shots=MAX_SHOTS),
    '_no_template': Form(instructions='none'),
    '_dataset_name': Form(instructions='dataset_name'),
    '_response_only': Form(instructions='response_only'),
    **{f'_first_{count}_templates': Form(templates=count) for count in TEMPLATE_COUNTS},
}
"""How the names of mixtures and training tasks end, to what that means."""

_SETTINGS = {'instructions': 'instructions', 'templates': 'templates_per_dataset', 'shots': 'shots'}
"""Field of a form to the field of `Data` that says the same."""


@dataclasses.dataclass(frozen=True)
class Member:
    """A dataset as a mixture has it.

    Attributes:
      task: name of the training task.
      dataset: the dataset, with the templates of its form.
      shots: exemplars before each input at most.
      part: how its examples are put and weighed, where that is drawn; None for a form that all examples have.
    """

    task: str
    dataset: Dataset
    shots: int = 0
    part: Part | None = None


def own_mixtures() -> dict[str, list[Dataset]]:
    """The catalogue's mixtures: each dataset, each cluster, the first n clusters, all of it, all without a cluster."""
    by_dataset = {name: [dataset] for name, dataset in catalogue.DATASETS.items()}
    mixtures = by_dataset | {name: catalogue.datasets_in(name) for name in catalogue.CLUSTERS}
    added: list[Dataset] = []
    for n, names in enumerate(ADDED_IN_ORDER, start=1):
        added = added + [dataset for name in names for dataset in mixtures[name]]
        mixtures[f'{EVERYTHING}_first_{n}_clusters'] = added
    everything = [dataset for dataset in catalogue.DATASETS.values() if dataset.paper_name]
    for cluster in catalogue.CLUSTERS:
        left_out = catalogue.clusters_left_out(cluster)
        mixtures[WITHOUT + cluster] = [d for d in everything if not catalogue.is_left_out(d, left_out)]
    return mixtures | {EVERYTHING: everything}


def is_own(mixture: str) -> bool:
    """Whether a name, or each of several joined ones, stands for datasets of the catalogue."""
    return all(_form_of(name) is not None for name in mixture.split(catalogue.JOIN))


def resolve(name: str) -> tuple[list[Dataset], str]:
    """The datasets that the name of one mixture stands for, and which of `FORMS` it has; raises UnknownName."""
    suffix = _form_of(name)
    if suffix is None:
        registered = (*seqio.MixtureRegistry.names(), *seqio.TaskRegistry.names())
        if name in registered:
            raise UserError(
                f"{name!r} is a name of SeqIO's registries, which is taken as it is and joined with no other; name "
                'datasets and clusters of the catalogue instead'
            )
        if REGISTERED + name in registered:
            raise UserError(f"MIXTURE_OR_TASK_NAME={name!r} is in SeqIO's registries as {REGISTERED + name!r}; say so")
        raise UnknownName('mixture', name, [*own_mixtures(), *seqio.MixtureRegistry.names()])
    return own_mixtures()[name.removesuffix(suffix)], suffix


def members(data: Data) -> list[Member]:
    """What `data` tunes on, prepared or not: the datasets of its mixture in their forms, but for the cluster held out.

    Raises:
      UnknownName: for an unknown mixture or cluster.
      UserError: if holding out a cluster leaves nothing, or the mixture's name and the settings speak of two forms.
    """
    left_out = catalogue.clusters_left_out(data.held_out) if data.held_out else ()
    wanted = [member for part in data.parts for member in _members_of(part, data)] or _members_of_names(data)
    chosen = {
        member.task: member
        for member in wanted
        if member.dataset.splits.train and not catalogue.is_left_out(member.dataset, left_out)
    }
    if not chosen:
        raise nothing_left(data)
    return list(chosen.values())


def _members_of_names(data: Data) -> list[Member]:
    """The datasets that the names of `data.mixture` stand for, each in the form of its name and of the settings."""
    found = []
    for name in data.mixture.split(catalogue.JOIN):
        datasets, suffix = resolve(name)
        form = _combined(name, FORMS[suffix], data)
        for dataset in datasets:
            formed = in_form(dataset, form.instructions, form.templates)
            found.append(Member(dataset.name + suffix, _cut(formed, data.examples_per_dataset), form.shots))
    return found


def _members_of(part: Part, data: Data) -> list[Member]:
    """The datasets of a part; raises UserError where a name or a setting says what the part says already."""
    _require_parts_alone(data)
    found = []
    for name in part.mixture.split(catalogue.JOIN):
        datasets, suffix = resolve(name)
        form = FORMS[suffix]
        if form.shots:
            raise UserError(
                f'Part.mixture={part.mixture!r}: Part.few_shot says how many examples have exemplars; name '
                f'{name.removesuffix(suffix)} instead of {name}'
            )
        _require_no_dialogues(part, datasets)
        for dataset in datasets:
            formed = in_form(dataset, form.instructions, form.templates)
            shots = part.max_shots if part.few_shot else 0
            task = f'{part.name}_{dataset.name}{suffix}'
            found.append(Member(task, _cut(formed, data.examples_per_dataset), shots, part))
    return found


def _require_parts_alone(data: Data) -> None:
    """Raises UserError where a mixture's name or a setting says what parts say."""
    if is_own(data.mixture) or (data.instructions, data.templates_per_dataset, data.shots) != ('templates', None, 0):
        raise UserError(
            f'Data.parts says what is tuned on and in which forms: MIXTURE_OR_TASK_NAME={data.mixture!r} is then no '
            'more than a title, which must not be a name of the catalogue; leave Data.instructions, '
            'Data.templates_per_dataset and Data.shots as they are'
        )


def _require_no_dialogues(part: Part, datasets: Sequence[Dataset]) -> None:
    """Raises UserError for datasets whose questions come after others, which no layout of exemplars has a place for."""
    if dialogues := [dataset.name for dataset in datasets if dataset.dialogue is not None]:
        raise UserError(
            f'Part.mixture={part.mixture!r}: {", ".join(dialogues)} may have turns before the question, which drawn '
            'forms do not show; tune on it by MIXTURE_OR_TASK_NAME, without Data.parts'
        )


def _cut(dataset: Dataset, examples: int | None) -> Dataset:
    """The dataset with so many training examples at most."""
    if examples is None or examples >= (dataset.splits.train_examples or math.inf):
        return dataset
    return dataclasses.replace(dataset, splits=dataclasses.replace(dataset.splits, train_examples=examples))


def nothing_left(data: Data) -> UserError:
    """The error of a mixture that lies in the cluster held out, or has no training examples."""
    if not data.held_out:
        return UserError(f'MIXTURE_OR_TASK_NAME={data.mixture!r} has no training examples; name another mixture')
    return UserError(
        f'MIXTURE_OR_TASK_NAME={data.mixture!r} has nothing left to tune on with HELD_OUT={data.held_out!r}; '
        'name another mixture, or another cluster to hold out'
    )


def _form_of(name: str) -> str | None:
    """The ending of a mixture's name that says its form; None for a name that the catalogue does not give."""
    known = own_mixtures()
    return next((suffix for suffix in FORMS if name.endswith(suffix) and name.removesuffix(suffix) in known), None)


def _combined(name: str, form: Form, data: Data) -> Form:
    """The form of a name, completed by the settings; raises UserError where they speak of two."""
    fields = {}
    for field, setting in _SETTINGS.items():
        of_name, of_settings, default = getattr(form, field), getattr(data, setting), getattr(Form(), field)
        if default not in (of_name, of_settings) and of_name != of_settings:
            raise UserError(
                f'MIXTURE_OR_TASK_NAME={data.mixture!r}: {name} has {setting} {of_name!r} by its name, '
                f'Data.{setting}={of_settings!r}; leave out one of the two'
            )
        fields[field] = of_settings if of_name == default else of_name
    return Form(**fields)
