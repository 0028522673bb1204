"""The members of mixtures: datasets, each in a form, by the mixture's name."""

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
"""Name of the mixture of all datasets of the paper."""

WITHOUT = f'{EVERYTHING}_without_'
"""Prefix of the names of mixtures that leave out a cluster and its cross-exclusions."""

REGISTERED = 'flan_jax.v1.'
"""Prefix of names in SeqIO's registries. Its version increases whenever the cached part of an example changes: fields,
their cleaning, or the set of examples."""

ADDED_IN_ORDER = (
    ('summarization',),
    ('translation',),
    ('reading_comprehension',),
    ('sentiment',),
    ('struct_to_text',),
    ('coreference',),
    ('coqa', 'quac'),
)
"""Clusters, and datasets that the paper treats as one, in the order of its Figure 6."""


@dataclasses.dataclass(frozen=True)
class Form:
    """A form of datasets for tuning.

    Attributes:
      instructions: the wording of inputs.
      templates: number of templates, from the first on; None for all.
      shots: maximal number of exemplars before each input.
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
"""Forms by the suffix of names of mixtures and training tasks."""

_SETTINGS = {'instructions': 'instructions', 'templates': 'templates_per_dataset', 'shots': 'shots'}
"""The field of `Data` for each field of a form."""


@dataclasses.dataclass(frozen=True)
class Member:
    """A dataset in a mixture.

    Attributes:
      task: name of the training task.
      dataset: the dataset, with the templates of its form.
      shots: maximal number of exemplars before each input.
      part: the part that it belongs to, whose examples have randomly drawn forms; None for a fixed form.
    """

    task: str
    dataset: Dataset
    shots: int = 0
    part: Part | None = None


def own_mixtures() -> dict[str, list[Dataset]]:
    """The catalogue's mixtures: each dataset, each cluster, the first n clusters, everything, all but a cluster."""
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
    """Whether a name, or each of several joined by '+', is a mixture of the catalogue."""
    return all(_form_of(name) is not None for name in mixture.split(catalogue.JOIN))


def resolve(name: str) -> tuple[list[Dataset], str]:
    """The datasets of a mixture's name, and its suffix in `FORMS`; raises UnknownName."""
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
    """The members of the mixture, prepared or not: datasets in their forms, without the held-out cluster.

    Raises:
      UnknownName: for an unknown mixture or cluster.
      UserError: if holding out a cluster leaves nothing, or the mixture's name and the settings contradict each other.
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
    """The datasets named by `data.mixture`, each in the form given by its name and the settings."""
    found = []
    for name in data.mixture.split(catalogue.JOIN):
        datasets, suffix = resolve(name)
        form = _combined(name, FORMS[suffix], data)
        for dataset in datasets:
            formed = in_form(dataset, form.instructions, form.templates)
            found.append(Member(dataset.name + suffix, _cut(formed, data.examples_per_dataset), form.shots))
    return found


def _members_of(part: Part, data: Data) -> list[Member]:
    """The datasets of a part; raises UserError if a name or a setting repeats what the part determines."""
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
    """Raises UserError if the mixture's name or a setting repeats what parts determine."""
    if is_own(data.mixture) or (data.instructions, data.templates_per_dataset, data.shots) != ('templates', None, 0):
        raise UserError(
            f'Data.parts says what is tuned on and in which forms: MIXTURE_OR_TASK_NAME={data.mixture!r} is then no '
            'more than a title, which must not be a name of the catalogue; leave Data.instructions, '
            'Data.templates_per_dataset and Data.shots as they are'
        )


def _require_no_dialogues(part: Part, datasets: Sequence[Dataset]) -> None:
    """Raises UserError for datasets with earlier turns, for which layouts of exemplars have no placeholder."""
    if dialogues := [dataset.name for dataset in datasets if dataset.dialogue is not None]:
        raise UserError(
            f'Part.mixture={part.mixture!r}: {", ".join(dialogues)} may have turns before the question, which drawn '
            'forms do not show; tune on it by MIXTURE_OR_TASK_NAME, without Data.parts'
        )


def _cut(dataset: Dataset, examples: int | None) -> Dataset:
    """The dataset with at most `examples` training examples."""
    if examples is None or examples >= (dataset.splits.train_examples or math.inf):
        return dataset
    return dataclasses.replace(dataset, splits=dataclasses.replace(dataset.splits, train_examples=examples))


def nothing_left(data: Data) -> UserError:
    """The error for a mixture of which the held-out cluster leaves nothing, or that has no training examples."""
    if not data.held_out:
        return UserError(f'MIXTURE_OR_TASK_NAME={data.mixture!r} has no training examples; name another mixture')
    return UserError(
        f'MIXTURE_OR_TASK_NAME={data.mixture!r} has nothing left to tune on with HELD_OUT={data.held_out!r}; '
        'name another mixture, or another cluster to hold out'
    )


def _form_of(name: str) -> str | None:
    """The suffix of a mixture's name that determines its form; None for a name that is not in the catalogue."""
    known = own_mixtures()
    return next((suffix for suffix in FORMS if name.endswith(suffix) and name.removesuffix(suffix) in known), None)


def _combined(name: str, form: Form, data: Data) -> Form:
    """The form of a name, completed by the settings; raises UserError if they contradict each other."""
    fields = {}
    for field, setting in _SETTINGS.items():
        by_name, by_setting, default = getattr(form, field), getattr(data, setting), getattr(Form(), field)
        if default not in (by_name, by_setting) and by_name != by_setting:
            raise UserError(
                f'MIXTURE_OR_TASK_NAME={data.mixture!r}: {name} has {setting} {by_name!r} by its name, '
                f'Data.{setting}={by_setting!r}; leave out one of the two'
            )
        fields[field] = by_setting if by_name == default else by_name
    return Form(**fields)
