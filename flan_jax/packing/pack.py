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
from flan_jax.packing.parts import resumable
from flan_jax.packing.readers import Readers
from flan_jax.packing.sequence_files import STORAGE
from flan_jax.packing.settings import Stream
from flan_jax.settings import as_plain, fingerprint
from flan_jax.tokenizers.vocabulary import Vocabulary

_LONGEST_NAME = 80
"""Letters of a mixture's name in the name of its folder."""


def stream_recipe(
    mixture: TuningMixture,
    data: Data,
    settings: Stream,
    num_sequences: int | None,
    prompt_format: PromptFormat = Flan(),
) -> dict:
    """Everything that a stream's sequences depend on; arguments as of `write_stream`."""
    return (
        {
            'mixture': data.mixture,
            'held_out': data.held_out,
            'shots': {name: member.shots for name, member in mixture.members.items()},
            'prompt_format': prompt_format.recipe,
            'data': {name: data_fingerprint(d, data.tfds_data_dir) for name, d in mixture.datasets.items()}
            | mixture.others,
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
    """How often what is read: so many epochs of all, or so many sequences of a mixture."""
    if settings.epochs is not None:
        return {'epochs': settings.epochs, 'order': ORDER}
    return {'rates': {name: round(rate, 12) for name, rate in mixture.rates.items()}, 'sequences': num_sequences}


def _wording(dataset: Dataset) -> str:
    """What identifies how a dataset's examples are put."""
    templates = [(template.inputs, template.targets) for template in dataset.templates]
    return fingerprint({'templates': templates, 'long_fields': dataset.long_fields})


def _unusual(mixture: TuningMixture, data: Data) -> dict:
    """What sequences depend on where it is set, so that others keep their fingerprint."""
    found: dict[str, Any] = {}
    if data.examples_per_dataset is not None:
        found['examples_per_dataset'] = data.examples_per_dataset
    if mixture.dropped:
        dropped = mixture.dropped.items()
        found['dropped'] = {name: [of.examples, fingerprint({'keys': of.keys})] for name, of in dropped}
    declared = {dataset.name: declaration_fingerprint(dataset) for dataset in mixture.datasets.values()}
    if of_others := {name: found_there for name, found_there in declared.items() if found_there}:
        found['declared'] = of_others
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
    """Packs a stream, unless the very same one is on disk already; returns its folder.

    Args:
      data: which examples there are.
      settings: how they are packed.
      num_sequences: how many sequences to pack; None for all of `settings.epochs`.
      progress: called with the number of sequences that were just packed, 0 after an example that is read; never where
        the stream is there. What it raises ends packing.
      prompt_format: what stands around the texts of an example.
      ranked: whether prompts have all their responses; otherwise they are chains of a prompt and its answer.

    Raises:
      UnknownName, MissingDataError: see `tuning_mixture`.
      UserError: if a prompt with as many responses as there may be does not fit a sequence, the stream cannot be
        written, or the disk has no room for it.
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
        stream_bytes = 2 * 4 * num_sequences * settings.sequence_length  # once in parts, until all are there
        require_space(settings.directory, stream_bytes, 'Stream.directory', f'{num_sequences} sequences of the stream')
    counts = Counts(mixture)
    packing = Packing(mixture, settings, num_sequences, counts.cuts, lambda: progress(0))
    with resumable(folder, packing) as sequences:
        stream.write(folder, counts.watch(sequences, progress), lambda: counts.manifest(recipe, settings))
    return folder


def require_trees_fit(mixture: TuningMixture, settings: Stream) -> None:
    """Raises UserError unless a sequence holds a prompt with as many responses as any of a mixture has."""
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
    """Where the stream of a recipe is kept, which its fingerprint tells from all others."""
    name = re.sub(r'[^\w+]+', '_', recipe['mixture'])  # the names of texts are paths
    name = name[:_LONGEST_NAME]  # a mixture may name all of its datasets, and a file system takes 255 bytes
    return epath.Path(settings.directory) / f'{name}-{fingerprint(recipe)}'


def packed_sequences(
    mixture: TuningMixture, settings: Stream, num_sequences: int | None, cuts: Sequence[Cuts] | None = None
) -> Iterator[PackedSequence]:
    """All sequences of `settings.epochs`, or the first `num_sequences` of the endless packing of `sampled_examples`."""
    return iter(Packing(mixture, settings, num_sequences, cuts or [Cuts() for _ in mixture.seqio.tasks]))


def sampled_examples(mixture: TuningMixture, settings: Stream, cuts: Sequence[Cuts] | None = None) -> Iterator[Example]:
    """Examples without end: tasks sampled by the mixture's rates, each task's examples epoch after epoch.

    Args:
      mixture: the tasks.
      settings: their lengths, and the seed.
      cuts: where to count what is cut of each task's examples, and what is dropped.

    Raises:
      UserError: if no example of a task fits.
    """
    with contextlib.closing(_readers(mixture, settings, cuts)) as readers:
        yield from sampled(mixture, settings, readers)


def whole_epochs(mixture: TuningMixture, settings: Stream, cuts: Sequence[Cuts] | None = None) -> Iterator[Example]:
    """Every example that fits `settings.epochs` times; see `examples_by_epoch`."""
    with contextlib.closing(_readers(mixture, settings, cuts)) as readers:
        yield from examples_by_epoch(mixture, settings, lambda task, seed: readers.open(task, seed, 1))


def _readers(mixture: TuningMixture, settings: Stream, cuts: Sequence[Cuts] | None) -> Readers:
    tasks = mixture.seqio.tasks
    return Readers(tasks, settings, cuts or [Cuts() for _ in tasks])
