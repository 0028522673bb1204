"""From a mixture to a stream: sample a task, take its next example, pack it into a sequence."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from etils import epath

from flan_jax.catalogue.declaration import Dataset
from flan_jax.catalogue.identity import declaration_fingerprint
from flan_jax.data.cuts import Cuts
from flan_jax.data.drawing import DRAWING
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.mixtures import TuningMixture, tuning_mixture
from flan_jax.data.settings import Data
from flan_jax.data.source import data_fingerprint
from flan_jax.errors import UserError
from flan_jax.files import require_space, require_writable
from flan_jax.packing import stream
from flan_jax.packing.counts import Counts, Progress
from flan_jax.packing.epochs import ORDER, examples_by_epoch
from flan_jax.packing.example import Example, PackedSequence
from flan_jax.packing.packing import Packing, sampled
from flan_jax.packing.readers import Readers
from flan_jax.packing.resumable import resumable
from flan_jax.packing.sequence_files import STORAGE
from flan_jax.packing.settings import Stream
from flan_jax.settings import as_plain, fingerprint
from flan_jax.tokenizers.vocabulary import Vocabulary

_LONGEST_NAME = 80
"""Maximal number of characters of a mixture's name in the name of a stream's folder."""


def stream_recipe(
    mixture: TuningMixture,
    data: Data,
    settings: Stream,
    num_sequences: int | None,
    prompt_format: PromptFormat = Flan(),
) -> dict:
    """Everything that a stream's sequences depend on; arguments as in `write_stream`."""
    return (
        {
            'mixture': data.mixture,
            'held_out': data.held_out,
            'shots': {name: member.shots for name, member in mixture.members.items()},
            'prompt_format': prompt_format.recipe,
            'data': {name: data_fingerprint(d, data.tfds_data_dir) for name, d in mixture.datasets.items()}
            | mixture.text,
            'templates': {name: _wording(dataset) for name, dataset in mixture.datasets.items()},
            'vocabulary': Vocabulary(data.vocabulary).fingerprint,
            'sequence_length': settings.sequence_length,
            'max_targets': settings.max_targets,
            'lengths': settings.lengths,
            'window': settings.window,
            'seed': settings.seed,
            'storage': STORAGE,
        }
        | _amount(mixture, settings, num_sequences)
        | _unusual(mixture, data)
    )


def _amount(mixture: TuningMixture, settings: Stream, num_sequences: int | None) -> dict:
    """The amount of data: a number of epochs of all tasks, or a number of sequences of a mixture with rates."""
    if settings.epochs is not None:
        return {'epochs': settings.epochs, 'order': ORDER}
    return {'rates': {name: round(rate, 12) for name, rate in mixture.rates.items()}, 'sequences': num_sequences}


def _wording(dataset: Dataset) -> str:
    """A fingerprint of how a dataset's examples are phrased."""
    templates = [(template.inputs, template.targets) for template in dataset.templates]
    return fingerprint({'templates': templates, 'long_fields': dataset.long_fields})


def _unusual(mixture: TuningMixture, data: Data) -> dict:
    """Parts of the recipe that are added only if they are set, so that other streams keep their fingerprint."""
    found: dict[str, Any] = {}
    if data.examples_per_dataset is not None:
        found['examples_per_dataset'] = data.examples_per_dataset
    if mixture.dropped:
        dropped = mixture.dropped.items()
        found['dropped'] = {name: [drop.examples, fingerprint({'keys': drop.keys})] for name, drop in dropped}
    declared = {dataset.name: declaration_fingerprint(dataset) for dataset in mixture.datasets.values()}
    if in_user_modules := {name: digest for name, digest in declared.items() if digest}:
        found['declared'] = in_user_modules
    if data.parts:
        found |= {'parts': as_plain(data.parts), 'drawing': DRAWING}
    if mixture.ranked:
        found['ranked'] = True
    return found


def write_stream(
    data: Data,
    settings: Stream,
    num_sequences: int | None,
    progress: Progress = lambda sequences: None,
    prompt_format: PromptFormat = Flan(),
    ranked: bool = False,
) -> epath.Path:
    """Packs a stream, unless it is on disk already; returns its folder.

    Args:
      data: the examples.
      settings: how they are packed.
      num_sequences: number of sequences to pack; None for all of `settings.epochs`.
      progress: called with the number of sequences that were just packed, and with 0 after each example that was read;
        not called if the stream exists. An exception that it raises ends packing.
      prompt_format: the text around the parts of an example.
      ranked: whether examples keep all their responses; otherwise only the best one.

    Raises:
      UnknownName, MissingDataError: see `tuning_mixture`.
      UserError: if a prompt with the maximal number of responses may not fit a sequence, or the stream cannot be
        written, or does not fit on the disk.
    """
    mixture = tuning_mixture(data, prompt_format, ranked)
    if ranked:
        require_trees_fit(mixture, settings)
    recipe = stream_recipe(mixture, data, settings, num_sequences, prompt_format)
    folder = stream_folder(settings, recipe)
    if (folder / stream.MANIFEST_FILE).exists():
        return folder
    require_writable(settings.directory, 'Stream.directory')
    if num_sequences is not None:
        stream_bytes = 2 * 4 * num_sequences * settings.sequence_length  # int32, twice: parts go at the end
        require_space(settings.directory, stream_bytes, 'Stream.directory', f'{num_sequences} sequences of the stream')
    counts = Counts(mixture)
    packing = Packing(mixture, settings, num_sequences, counts.cuts, lambda: progress(0))
    with resumable(folder, packing) as sequences:
        stream.write(folder, counts.watch(sequences, progress), lambda: counts.manifest(recipe, settings))
    return folder


def require_trees_fit(mixture: TuningMixture, settings: Stream) -> None:
    """Raises UserError unless a sequence can hold a prompt with the maximal number of responses in the mixture."""
    most = max(dataset.ranking.most for dataset in mixture.datasets.values() if dataset.ranking)
    targets = most * settings.target_length
    if settings.input_length + targets > settings.sequence_length:
        raise UserError(
            f'Stream.sequence_length={settings.sequence_length} cannot hold a prompt of up to Stream.input_length='
            f'{settings.input_length} tokens with {most} responses of up to Stream.target_length='
            f'{settings.target_length}; it takes {settings.input_length + targets}, or shorten one of the others'
        )
    if targets > settings.max_targets:
        raise UserError(
            f'Stream.targets_per_sequence={settings.targets_per_sequence} is less than {most} responses of up to '
            f'Stream.target_length={settings.target_length} tokens; raise it to {targets}, or shorten the responses'
        )


def stream_folder(settings: Stream, recipe: dict) -> epath.Path:
    """The folder of a stream, named by mixture and fingerprint of the recipe."""
    name = re.sub(r'[^\w+]+', '_', recipe['mixture'])  # the names of texts are paths
    name = name[:_LONGEST_NAME]  # a mixture may name all of its datasets, and a file system takes 255 bytes
    return epath.Path(settings.directory) / f'{name}-{fingerprint(recipe)}'


def packed_sequences(
    mixture: TuningMixture, settings: Stream, num_sequences: int | None, cuts: Sequence[Cuts] | None = None
) -> Iterator[PackedSequence]:
    """All sequences of `settings.epochs`, or the first `num_sequences` of the endless packing of `sampled_examples`."""
    return iter(Packing(mixture, settings, num_sequences, cuts or [Cuts() for _ in mixture.seqio.tasks]))


def sampled_examples(mixture: TuningMixture, settings: Stream, cuts: Sequence[Cuts] | None = None) -> Iterator[Example]:
    """An endless iterator of examples: tasks are sampled by the mixture's rates, their examples read in epochs.

    Args:
      mixture: the tasks.
      settings: lengths and seed.
      cuts: counts how each task's examples are cut or dropped.

    Raises:
      UserError: if no example of a task fits.
    """
    with contextlib.closing(_readers(mixture, settings, cuts)) as readers:
        yield from sampled(mixture, settings, readers)


def whole_epochs(mixture: TuningMixture, settings: Stream, cuts: Sequence[Cuts] | None = None) -> Iterator[Example]:
    """Every example that fits, `settings.epochs` times; see `examples_by_epoch`."""
    with contextlib.closing(_readers(mixture, settings, cuts)) as readers:
        yield from examples_by_epoch(mixture, settings, lambda task, seed: readers.open(task, seed, 1))


def _readers(mixture: TuningMixture, settings: Stream, cuts: Sequence[Cuts] | None) -> Readers:
    tasks = mixture.seqio.tasks
    return Readers(tasks, settings, cuts or [Cuts() for _ in tasks])
