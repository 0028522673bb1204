"""From a mixture to a stream: sample a task, take its next example, pack it into a sequence."""

import itertools
import re
from collections.abc import Callable, Iterator

import numpy as np
import seqio
from etils import epath

from flan_jax.data.drawing import DRAWING
from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.mixtures import TuningMixture, tuning_mixture
from flan_jax.data.seqio_tasks import read_examples
from flan_jax.data.settings import Data
from flan_jax.data.source import data_fingerprint
from flan_jax.files import require_space, require_writable
from flan_jax.packing import stream
from flan_jax.packing.best_fit import BestFitPacker
from flan_jax.packing.example import Example, PackedSequence
from flan_jax.packing.settings import Stream
from flan_jax.settings import as_plain, fingerprint
from flan_jax.tokenizers.vocabulary import Vocabulary

_EXAMPLES_PER_FETCH = 16
_SAMPLES_PER_BLOCK = 4096

Progress = Callable[[int], None]

STORAGE = 2
"""Version of how sequences are stored."""


def stream_recipe(
    mixture: TuningMixture, data: Data, settings: Stream, num_sequences: int, prompt_format: PromptFormat = Flan()
) -> dict:
    """Everything that a stream's sequences depend on."""
    return {
        'mixture': data.mixture,
        'held_out': data.held_out,
        'shots': {name: member.shots for name, member in mixture.members.items()},
        'prompt_format': prompt_format.recipe,
        'rates': {name: round(rate, 12) for name, rate in mixture.rates.items()},
        'data': {name: data_fingerprint(d, data.tfds_data_dir) for name, d in mixture.datasets.items()} | mixture.text,
        'templates': {
            name: fingerprint({'templates': [(t.inputs, t.targets) for t in dataset.templates]})
            for name, dataset in mixture.datasets.items()
        },
        'vocabulary': Vocabulary(data.vocabulary).fingerprint,
        'sequence_length': settings.sequence_length,
        'max_targets': settings.max_targets,
        'lengths': settings.lengths,
        'window': settings.window,
        'seed': settings.seed,
        'sequences': num_sequences,
        'storage': STORAGE,
    } | _parts_recipe(data)


def _parts_recipe(data: Data) -> dict:
    """What sequences depend on where forms are drawn."""
    return {'parts': as_plain(data.parts), 'drawing': DRAWING} if data.parts else {}


def write_stream(
    data: Data,
    settings: Stream,
    num_sequences: int,
    progress: Progress = lambda sequences: None,
    prompt_format: PromptFormat = Flan(),
) -> epath.Path:
    """Packs `num_sequences` sequences, unless the very same stream is on disk already; returns its folder.

    Raises:
      UnknownName, MissingDataError: see `tuning_mixture`.
      UserError: if the stream cannot be written, or the disk has no room for it.
    """
    mixture = tuning_mixture(data, prompt_format)
    recipe = stream_recipe(mixture, data, settings, num_sequences, prompt_format)
    folder = stream_folder(settings, recipe)
    if (folder / stream.MANIFEST_FILE).exists():
        progress(num_sequences)
        return folder
    require_writable(settings.directory, 'Stream.directory')
    stream_bytes = 4 * num_sequences * settings.sequence_length
    require_space(settings.directory, stream_bytes, 'Stream.directory', f'{num_sequences} sequences of the stream')
    counts = Counts(mixture)
    sequences = counts.watch(packed_sequences(mixture, settings, num_sequences), progress)
    stream.write(folder, sequences, lambda: counts.manifest(recipe, settings))
    return folder


def stream_folder(settings: Stream, recipe: dict) -> epath.Path:
    """Where the stream of a recipe is kept."""
    name = re.sub(r'[^\w+]+', '_', recipe['mixture'])  # the names of texts are paths
    return epath.Path(settings.directory) / f'{name}-{fingerprint(recipe)}'


def packed_sequences(mixture: TuningMixture, settings: Stream, num_sequences: int) -> Iterator[PackedSequence]:
    """The first `num_sequences` sequences of the endless packing of the mixture's examples."""
    packer = BestFitPacker(settings.sequence_length, settings.max_targets, settings.window)
    closed = (packer.add(example) for example in sampled_examples(mixture, settings))
    yield from itertools.islice((sequence for sequence in closed if sequence is not None), num_sequences)


def sampled_examples(mixture: TuningMixture, settings: Stream) -> Iterator[Example]:
    """Examples without end: tasks sampled by the mixture's rates, each task's examples epoch after epoch."""
    random = np.random.default_rng(settings.seed)
    seeds = random.integers(0, 2**31 - 1, len(mixture.seqio.tasks))
    streams: dict[int, Iterator[Example]] = {}
    rates = np.array(list(mixture.rates.values()))
    while True:
        for task in random.choice(len(rates), size=_SAMPLES_PER_BLOCK, p=rates).tolist():
            if task not in streams:
                streams[task] = _task_examples(mixture.seqio.tasks[task], task, settings, int(seeds[task]))
            yield next(streams[task])


def _task_examples(task: seqio.Task, index: int, settings: Stream, seed: int) -> Iterator[Example]:
    """A task's tokenised training examples, epoch after epoch."""
    examples = read_examples(task, settings.lengths, split='train', shuffle=True, seed=seed, num_epochs=None)
    kept = ('inputs', 'targets', 'template')
    examples = examples.map(lambda example: {name: example[name] for name in kept if name in example})
    for batch in examples.ragged_batch(_EXAMPLES_PER_FETCH).as_numpy_iterator():
        templates = batch.get('template', np.full(len(batch['inputs']), -1))
        for inputs, targets, template in zip(batch['inputs'], batch['targets'], templates):
            yield Example(inputs, (targets,), index, int(template))


class Counts:
    """What went into a stream, counted while its sequences pass."""

    def __init__(self, mixture: TuningMixture):
        self._mixture = mixture
        self._sequences = self._tokens = self._target_tokens = 0
        self._examples = np.zeros(len(mixture.seqio.tasks), int)
        self._chains, self._responses = True, 0

    def watch(self, sequences: Iterator[PackedSequence], progress: Progress) -> Iterator[PackedSequence]:
        """Passes sequences on, counting."""
        for sequence in sequences:
            self._sequences += 1
            self._tokens += len(sequence.tokens)
            self._target_tokens += int(sequence.response_lengths.sum())
            np.add.at(self._examples, sequence.tasks, 1)
            self._chains &= bool((sequence.response_counts == 1).all())
            self._responses = max(self._responses, len(sequence.response_lengths))
            progress(1)
            yield sequence

    def manifest(self, recipe: dict, settings: Stream) -> stream.StreamManifest:
        """The manifest of the sequences that passed."""
        names = [task.name for task in self._mixture.seqio.tasks]
        clusters = sorted({self._mixture.cluster_of(name) for name in names})
        return stream.StreamManifest(
            recipe=recipe,
            tasks=names,
            clusters=clusters,
            cluster_of_task=[clusters.index(self._mixture.cluster_of(name)) for name in names],
            sequences=self._sequences,
            sequence_length=settings.sequence_length,
            max_targets=settings.max_targets,
            examples=self._examples.tolist(),
            density=self._tokens / (self._sequences * settings.sequence_length),
            target_share=self._target_tokens / self._tokens,
            epochs={
                task.name: count / examples
                for task, count in zip(self._mixture.seqio.tasks, self._examples.tolist())
                if (examples := task.num_input_examples('train'))
            },
            chains=self._chains,
            responses_per_sequence=0 if self._chains else self._responses,
        )
