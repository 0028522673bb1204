"""Mixtures for tuning: SeqIO tasks of datasets with their sampling rates."""

import dataclasses
from collections.abc import Sequence

import seqio
import tensorflow as tf

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.data.drawn_task import drawn_task
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.members import Member, is_own, members, nothing_left
from flan_jax.data.mixing.mixing import Mixing
from flan_jax.data.mixing.proportional import ProportionalMixing
from flan_jax.data.overlap.drop import Dropped, without_overlaps
from flan_jax.data.prepared_source import PreparedSource, count, keep_usable
from flan_jax.data.registered_identity import task_identity
from flan_jax.data.seqio_tasks import training_task
from flan_jax.data.seqio_vocabulary import seqio_vocabulary
from flan_jax.data.settings import CATALOGUE_ONLY, Data
from flan_jax.data.source import MissingDataError, cached, split_slices
from flan_jax.data.status import how_to_get
from flan_jax.data.text import fingerprint, is_text, text_task
from flan_jax.errors import UserError
from flan_jax.tokenizers.vocabulary import Vocabulary

OTHER_CLUSTER = 'other'
"""Cluster of tasks that do not come from the catalogue."""


@dataclasses.dataclass(frozen=True)
class TuningMixture:
    """A SeqIO mixture, with the datasets of its tasks.

    Attributes:
      seqio: the mixture, with its rates.
      members: dataset and form of every task by name; without tasks that do not come from the catalogue.
      others: identity of the running text, or of the registered tasks, that replace datasets; empty for none.
      ranked: whether examples keep all their responses with scores, instead of only the answer.
      dropped: training examples that are left out because of overlaps, by dataset; see `overlap.drop.Dropped`.
    """

    seqio: seqio.Mixture
    members: dict[str, Member]
    others: dict = dataclasses.field(default_factory=dict)
    dropped: dict[str, Dropped] = dataclasses.field(default_factory=dict)
    ranked: bool = False

    @property
    def datasets(self) -> dict[str, Dataset]:
        """The catalogue's dataset of every task, by the task's name."""
        return {name: member.dataset for name, member in self.members.items()}

    def cluster_of(self, task_name: str) -> str:
        """The name of a task's cluster."""
        member = self.members.get(task_name)
        return member.dataset.cluster.name if member else OTHER_CLUSTER

    @property
    def rates(self) -> dict[str, float]:
        """The share of examples that are sampled from each task, by name; the sum is 1."""
        rates = {task.name: float(self.seqio.get_rate(task)) for task in self.seqio.tasks}
        return {name: rate / sum(rates.values()) for name, rate in rates.items()}


def tuning_mixture(data: Data, prompt_format: PromptFormat = Flan(), ranked: bool = False) -> TuningMixture:
    """The mixture of `data`; with all responses of each example if `ranked`.

    Raises:
      UnknownName: for an unknown mixture or cluster.
      UserError: if a cluster is held out of a mixture whose datasets are unknown, overlaps are to be dropped but
        nothing is held out, or `ranked` data have no scores.
      MissingDataError: if datasets are not prepared and `data.allow_missing` is False; lists them and what to do.
    """
    if ranked:
        require_rankings(data)
    if not data.parts and is_text(data.mixture):
        return _text_mixture(data)
    if not data.parts and is_registered_elsewhere(data.mixture):
        return _registered_mixture(data, prompt_format)
    present = prepared_members(data)
    dropped: dict[str, Dropped] = {}
    if data.drop_overlaps:
        present, dropped = without_overlaps(present, data)
        present = [member for member in present if usable_examples(member.dataset, 'train', data.tfds_data_dir)]
        if not present:
            raise nothing_left(data)
    vocabulary = Vocabulary(data.vocabulary)
    mixture = mix(data.mixture, present, vocabulary, data.tfds_data_dir, prompt_format, ranked, data.mixing)
    return TuningMixture(mixture, {member.task: member for member in present}, dropped=dropped, ranked=ranked)


def require_rankings(data: Data) -> None:
    """Raises UserError unless all datasets of `data` have several responses per prompt, with scores."""
    if data.parts or not is_own(data.mixture):
        raise UserError(
            f'MIXTURE_OR_TASK_NAME={data.mixture!r}: Run.objective ranks responses, which needs datasets of the '
            'catalogue, without Data.parts'
        )
    if without := [member.dataset.name for member in members(data) if member.dataset.ranking is None]:
        raise UserError(
            f'MIXTURE_OR_TASK_NAME={data.mixture!r}: Run.objective ranks responses, but {", ".join(without)} have '
            'no scored responses; use datasets prepared by `flan-jax data prepare --format=preference` or '
            '`--format=ranked`, or the objective @NextToken()'
        )


def prepared_members(data: Data) -> list[Member]:
    """The members of the mixture that are prepared; raises like `tuning_mixture`."""
    wanted = members(data)
    missing = missing_datasets([member.dataset for member in wanted], data.tfds_data_dir)
    present = [member for member in wanted if member.dataset not in missing]
    if missing and not (data.allow_missing and present):
        raise MissingDataError(_missing_message(missing, data.tfds_data_dir))
    return present


def mix(
    name: str,
    members: Sequence[Member],
    vocabulary: Vocabulary,
    data_dir: str | None = None,
    prompt_format: PromptFormat = Flan(),
    ranked: bool = False,
    mixing: Mixing = ProportionalMixing(),
) -> seqio.Mixture:
    """A SeqIO mixture of the members' training tasks.

    Rates follow `mixing`. For members of parts they are proportional to the number of examples, up to the part's
    maximal rate, and the rates of a part sum to its weight.
    """
    rates = weighted_rates(members, data_dir) if any(member.part for member in members) else {}
    tasks = []
    for member in members:
        task = _task_of(member, vocabulary, data_dir, prompt_format, ranked)
        rate = rates.get(member.task)
        tasks.append((task, rate or (lambda task, of=member.dataset: mixing_rate(of, data_dir, mixing))))
    return seqio.Mixture(name, tasks)


def _task_of(
    member: Member, vocabulary: Vocabulary, data_dir: str | None, prompt_format: PromptFormat, ranked: bool
) -> seqio.Task:
    if member.part:
        return drawn_task(member.dataset, member.part, vocabulary, data_dir, prompt_format, member.task)
    exemplars = Exemplars(member.dataset, member.shots, data_dir=data_dir) if member.shots else None
    return training_task(member.dataset, vocabulary, data_dir, exemplars, prompt_format, member.task, ranked)


def weighted_rates(members: Sequence[Member], data_dir: str | None) -> dict[str, float]:
    """The share of examples of each member of a part, by task name; the sum is 1.

    The weight of a part without prepared members is distributed over the other parts.

    Raises:
      UserError: if no example of a part is usable.
    """
    drawn = [(member, member.part) for member in members if member.part]
    sizes = {m.task: mixing_rate(m.dataset, data_dir, ProportionalMixing(part.max_rate)) for m, part in drawn}
    parts = {part.name: part for _, part in drawn}
    part_sizes = {name: sum(sizes[m.task] for m, part in drawn if part.name == name) for name in parts}
    if empty := [name for name, size in part_sizes.items() if not size]:
        raise UserError(f'Data.parts: {empty[0]} has no usable training example; remove it, or prepare its data')
    weights = sum(part.weight for part in parts.values())
    return {m.task: part.weight / weights * sizes[m.task] / part_sizes[part.name] for m, part in drawn}


@cached
@tf.autograph.experimental.do_not_convert
def usable_examples(dataset: Dataset, split: str, data_dir: str | None) -> int:
    """Number of examples of a split that the dataset's filter keeps."""
    source = PreparedSource(dataset, data_dir)
    if dataset.keep is None:
        return source.num_input_examples(split)
    return count(keep_usable(source.get_dataset(split, shuffle=False), dataset))


def mixing_rate(dataset: Dataset, data_dir: str | None, mixing: Mixing = ProportionalMixing()) -> float:
    """The unnormalised rate of a dataset, by the number of its usable training examples."""
    return mixing.rate(usable_examples(dataset, 'train', data_dir))


def missing_datasets(datasets: Sequence[Dataset], data_dir: str) -> list[Dataset]:
    """The datasets without training examples in `data_dir`."""
    return [d for d in datasets if not _has_training_examples(d, data_dir)]


def missing_members(data: Data) -> tuple[str, ...]:
    """Names of the mixture's datasets that are not prepared."""
    if not data.parts and (is_text(data.mixture) or is_registered_elsewhere(data.mixture)):
        return ()
    datasets = [member.dataset for member in members(data)]
    return tuple(dict.fromkeys(d.name for d in missing_datasets(datasets, data.tfds_data_dir)))


def _has_training_examples(dataset: Dataset, data_dir: str) -> bool:
    try:
        return 'train' in split_slices(dataset, data_dir)
    except MissingDataError:
        return False


def _missing_message(missing: Sequence[Dataset], data_dir: str) -> str:
    by_name = {dataset.name: dataset for dataset in missing}
    lines = [f'{len(by_name)} datasets of the mixture are not prepared in {data_dir}:']
    for dataset in by_name.values():
        by_hand = 'by hand: ' if dataset.manual_step else ''
        lines.append(f'  {dataset.name} ({dataset.source}): {by_hand}{how_to_get(dataset)}')
    lines.append('or prepare your own examples with `flan-jax data prepare NAME --from train=FILE`,')
    lines.append('or set Data.allow_missing = True (--allow_missing) to skip them')
    return '\n'.join(lines)


def is_registered_elsewhere(name: str) -> bool:
    """Whether a mixture or task is in SeqIO's registries but not in the catalogue."""
    return not is_own(name) and name in (*seqio.MixtureRegistry.names(), *seqio.TaskRegistry.names())


def _text_mixture(data: Data) -> TuningMixture:
    _require_no_catalogue_settings(data)
    if data.held_out:
        raise _cannot_hold_out(data, 'it is plain text')
    task = text_task(data.mixture, Vocabulary(data.vocabulary), data.tfds_data_dir)
    mixture = seqio.Mixture(f'{task.name}_mixture', [(task, 1.0)])
    return TuningMixture(mixture, {}, fingerprint(data.mixture, data.tfds_data_dir))


def _registered_mixture(data: Data, prompt_format: PromptFormat) -> TuningMixture:
    """A mixture or task of SeqIO's registries, without the tasks that read held-out data."""
    _require_no_catalogue_settings(data)
    seqio.set_tfds_data_dir_override(data.tfds_data_dir)
    provider = seqio.get_mixture_or_task(data.mixture)
    _require_same_tokens(data, provider, prompt_format)
    rates = {provider: 1.0} if isinstance(provider, seqio.Task) else {t: provider.get_rate(t) for t in provider.tasks}
    found = {t.name: Member(t.name, t.source.dataset) for t in rates if isinstance(t.source, PreparedSource)}
    if data.held_out:
        if unknown := [task.name for task in rates if task.name not in found]:
            raise _cannot_hold_out(data, f'it is not known which datasets {", ".join(unknown)} read')
        left_out = catalogue.clusters_left_out(data.held_out)
        found = {name: m for name, m in found.items() if not catalogue.is_left_out(m.dataset, left_out)}
        rates = {task: rate for task, rate in rates.items() if task.name in found}
        if not rates:
            raise nothing_left(data)
    others = {task.name: task_identity(task) for task in rates if task.name not in found}
    return TuningMixture(seqio.Mixture(data.mixture, list(rates.items())), found, others)


def _require_no_catalogue_settings(data: Data) -> None:
    if given := [name for name in CATALOGUE_ONLY if getattr(data, name) != getattr(Data, name)]:
        raise UserError(
            f"MIXTURE_OR_TASK_NAME={data.mixture!r} is a mixture of SeqIO's registries, but Data.{given[0]} only "
            'applies to mixtures of the catalogue; remove it'
        )


def _require_same_tokens(data: Data, provider: seqio.Mixture | seqio.Task, prompt_format: PromptFormat) -> None:
    expected = seqio_vocabulary(Vocabulary(data.vocabulary))
    if any(feature.vocabulary != expected for feature in provider.output_features.values()):
        raise UserError(
            f'MIXTURE_OR_TASK_NAME={data.mixture!r} was registered with another vocabulary; set VOCABULARY to that'
        )
    if prompt_format != Flan():
        raise UserError(
            f'MIXTURE_OR_TASK_NAME={data.mixture!r} was registered with its own prompt format; '
            f'Run.prompt_format=@{type(prompt_format).__name__}() applies to mixtures of the catalogue'
        )


def _cannot_hold_out(data: Data, reason: str) -> UserError:
    return UserError(
        f'MIXTURE_OR_TASK_NAME={data.mixture!r}: HELD_OUT={data.held_out!r} cannot be excluded from it, because '
        f'{reason}; use a mixture of the catalogue, or set HELD_OUT = None and EVAL_TASKS'
    )
