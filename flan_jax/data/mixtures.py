"""Mixtures: which datasets are tuned on, and how often each is drawn."""

import dataclasses
import functools
from collections.abc import Sequence

import seqio

from flan_jax import catalogue
from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.forms import in_form
from flan_jax.data.few_shot import Exemplars
from flan_jax.data.seqio_tasks import Features, keep_usable, output_features, training_task
from flan_jax.data.settings import Data
from flan_jax.data.source import MissingDataError, PreparedSource, split_slices
from flan_jax.data.status import how_to_get
from flan_jax.data.text import fingerprint, is_text, text_task
from flan_jax.errors import UnknownName, UserError
from flan_jax.tokenizers.vocabulary import Vocabulary

MAX_RATE = 3_000
"""Mixing rate of a dataset at most; further examples add no weight (FLAN, footnote 2; Raffel et al. 2020, 3.5.2)."""

EVERYTHING = 'flan'
"""Name of the mixture of the whole catalogue, as far as it counts among the paper's datasets."""

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

JOIN = '+'
"""Joins names of own mixtures, as in 'sentiment+trec'."""

OTHER_CLUSTER = 'other'
"""Cluster of the tasks of a mixture that is not made from the catalogue."""


@dataclasses.dataclass(frozen=True)
class TuningMixture:
    """A SeqIO mixture and what is known of its tasks.

    Attributes:
      seqio: the mixture, with its rates.
      datasets: the catalogue's dataset of every task, by the task's name; empty for a foreign mixture.
      text: what identifies the running text that is learned in place of datasets; empty for none.
    """

    seqio: seqio.Mixture
    datasets: dict[str, Dataset]
    text: dict = dataclasses.field(default_factory=dict)

    def cluster_of(self, task_name: str) -> str:
        """The name of a task's cluster."""
        dataset = self.datasets.get(task_name)
        return dataset.cluster.name if dataset else OTHER_CLUSTER

    @property
    def rates(self) -> dict[str, float]:
        """Task name to its share of the draws; sums to 1."""
        rates = {task.name: float(self.seqio.get_rate(task)) for task in self.seqio.tasks}
        return {name: rate / sum(rates.values()) for name, rate in rates.items()}


def own_mixtures() -> dict[str, list[Dataset]]:
    """The mixtures that the catalogue gives by itself: all of it, the first n clusters, each cluster, each dataset."""
    by_dataset = {name: [dataset] for name, dataset in catalogue.DATASETS.items()}
    mixtures = by_dataset | {name: catalogue.datasets_in(name) for name in catalogue.CLUSTERS}
    added = []
    for n, names in enumerate(ADDED_IN_ORDER, start=1):
        added = added + [dataset for name in names for dataset in mixtures[name]]
        mixtures[f'{EVERYTHING}_first_{n}_clusters'] = added
    mixtures[EVERYTHING] = [d for d in catalogue.DATASETS.values() if d.paper_name]
    return mixtures


def members(data: Data) -> list[Dataset]:
    """The catalogue's datasets that `data` asks to tune on, in the form it asks for, prepared or not.

    Raises:
      UnknownName: for an unknown mixture or cluster.
      UserError: if holding out a cluster leaves nothing.
    """
    left_out = catalogue.clusters_left_out(data.held_out) if data.held_out else ()
    mixtures = own_mixtures()
    chosen = {}
    for name in data.mixture.split(JOIN):
        if name not in mixtures:
            raise UnknownName('mixture', name, [*mixtures, *seqio.MixtureRegistry.names()])
        chosen |= {dataset.name: dataset for dataset in mixtures[name]}
    remaining = [d for d in chosen.values() if d.splits.train and d.cluster.name not in left_out]
    if not remaining:
        raise UserError(
            f'MIXTURE_OR_TASK_NAME={data.mixture!r} has nothing left to tune on with HELD_OUT={data.held_out!r}'
        )
    return [in_form(d, data.instructions, data.templates_per_dataset) for d in remaining]


def tuning_mixture(data: Data) -> TuningMixture:
    """The mixture that `data` asks for, examples-proportional up to `MAX_RATE`.

    Raises:
      UnknownName: for an unknown mixture or cluster.
      MissingDataError: if datasets are not prepared and `data.allow_missing` is off; lists them and what to do.
    """
    if _is_foreign(data):
        return _foreign_mixture(data)
    present = prepared_members(data)
    features = output_features(Vocabulary(data.vocabulary).seqio())
    return TuningMixture(
        seqio=mix(data.mixture, present, features, data.tfds_data_dir, data.shots),
        datasets={d.name: d for d in present},
    )


def prepared_members(data: Data) -> list[Dataset]:
    """Those of the mixture's datasets that are prepared; raises as `tuning_mixture` does."""
    wanted = members(data)
    missing = missing_datasets(wanted, data.tfds_data_dir)
    if missing and (not data.allow_missing or len(missing) == len(wanted)):
        raise MissingDataError(_missing_message(missing, data.tfds_data_dir))
    return [d for d in wanted if d not in missing]


def mix(
    name: str, datasets: Sequence[Dataset], features: Features, data_dir: str | None = None, shots: int = 0
) -> seqio.Mixture:
    """A SeqIO mixture of the datasets' training tasks, drawn in proportion to their examples up to `MAX_RATE`."""
    exemplars = [Exemplars(dataset, shots, data_dir=data_dir) if shots else None for dataset in datasets]
    tasks = [training_task(dataset, features, data_dir, solved) for dataset, solved in zip(datasets, exemplars)]
    rates = [lambda task, dataset=dataset: mixing_rate(dataset, data_dir) for dataset in datasets]
    return seqio.Mixture(name, list(zip(tasks, rates)))


@functools.cache
def usable_examples(dataset: Dataset, split: str, data_dir: str | None) -> int:
    """Number of examples of a split that the dataset's filter keeps."""
    source = PreparedSource(dataset, data_dir)
    if dataset.keep is None:
        return source.num_input_examples(split)
    return sum(1 for _ in keep_usable(source.get_dataset(split, shuffle=False), dataset))


def mixing_rate(dataset: Dataset, data_dir: str | None) -> float:
    """The unnormalised rate of a dataset: usable training examples, at most `MAX_RATE`."""
    return float(min(usable_examples(dataset, 'train', data_dir), MAX_RATE))


def missing_datasets(datasets: Sequence[Dataset], data_dir: str) -> list[Dataset]:
    """Those of the datasets that have no training examples in `data_dir`."""
    return [d for d in datasets if not _has_training_examples(d, data_dir)]


def missing_members(data: Data) -> tuple[str, ...]:
    """Names of the mixture's datasets that are not prepared."""
    if _is_foreign(data):
        return ()
    return tuple(d.name for d in missing_datasets(members(data), data.tfds_data_dir))


def _has_training_examples(dataset: Dataset, data_dir: str) -> bool:
    try:
        return 'train' in split_slices(dataset, data_dir)
    except MissingDataError:
        return False


def _missing_message(missing: Sequence[Dataset], data_dir: str) -> str:
    lines = [f'{len(missing)} datasets of the mixture are not prepared in {data_dir}:']
    for dataset in missing:
        by_hand = 'by hand: ' if dataset.manual_step else ''
        lines.append(f'  {dataset.name} ({dataset.source}): {by_hand}{how_to_get(dataset)}')
    lines.append('or `flan-jax data prepare NAME --from train=FILE` for examples of your own,')
    lines.append('or ALLOW_MISSING = True (--allow_missing) to go on without them')
    return '\n'.join(lines)


def _is_foreign(data: Data) -> bool:
    """Whether the mixture is running text, or one that other code registered with SeqIO."""
    if is_text(data.mixture):
        return True
    known = (*seqio.MixtureRegistry.names(), *seqio.TaskRegistry.names())
    return data.mixture in known and data.mixture not in own_mixtures()


def _foreign_mixture(data: Data) -> TuningMixture:
    if (data.instructions, data.templates_per_dataset, data.shots) != ('templates', None, 0):
        raise UserError(
            f'MIXTURE_OR_TASK_NAME={data.mixture!r} is taken as it is; INSTRUCTIONS, TEMPLATES_PER_DATASET and TRAIN_SHOTS '
            'apply to mixtures of the catalogue'
        )
    if is_text(data.mixture):
        task = text_task(data.mixture, Vocabulary(data.vocabulary), data.tfds_data_dir)
        return TuningMixture(
            seqio=seqio.Mixture(f'{task.name}_mixture', [(task, 1.0)]),
            datasets={},
            text=fingerprint(data.mixture, data.tfds_data_dir),
        )
    seqio.set_tfds_data_dir_override(data.tfds_data_dir)
    provider = seqio.get_mixture_or_task(data.mixture)
    if any(feature.vocabulary != Vocabulary(data.vocabulary).seqio() for feature in provider.output_features.values()):
        raise UserError(
            f'MIXTURE_OR_TASK_NAME={data.mixture!r} was registered with another vocabulary; set VOCABULARY to its model'
        )
    if isinstance(provider, seqio.Task):
        provider = seqio.Mixture(data.mixture, [(provider, 1.0)])
    return TuningMixture(seqio=provider, datasets={})
