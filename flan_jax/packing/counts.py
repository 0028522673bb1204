"""Statistics of a stream, for its manifest."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from flan_jax.data.cuts import Cuts
from flan_jax.data.mixtures import TuningMixture
from flan_jax.packing.example import PackedSequence
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import StreamManifest

Progress = Callable[[int], None]
"""Called with the number of sequences that were just packed."""


class Counts:
    """Statistics of a stream, counted while its sequences are written.

    Attributes:
      cuts: how examples of each task were cut, counted by `sampled_examples`.
    """

    def __init__(self, mixture: TuningMixture):
        self.cuts = [Cuts() for _ in mixture.seqio.tasks]
        self._mixture = mixture
        self._sequences = self._tokens = self._target_tokens = 0
        self._examples = np.zeros(len(mixture.seqio.tasks), int)
        self._chains, self._responses = True, 0

    def watch(self, sequences: Iterator[PackedSequence], progress: Progress) -> Iterator[PackedSequence]:
        """Yields the sequences unchanged and counts them."""
        for sequence in sequences:
            self._sequences += 1
            self._tokens += len(sequence.tokens)
            self._target_tokens += int(sequence.response_lengths.sum())
            np.add.at(self._examples, sequence.tasks, 1)
            self._chains &= bool((sequence.response_counts == 1).all())
            self._responses = max(self._responses, len(sequence.response_lengths))
            progress(1)
            yield sequence

    def manifest(self, recipe: dict, settings: Stream) -> StreamManifest:
        """The manifest of the sequences that were counted."""
        names = [task.name for task in self._mixture.seqio.tasks]
        clusters = sorted({self._mixture.cluster_of(name) for name in names})
        return StreamManifest(
            recipe=recipe,
            tasks=names,
            clusters=clusters,
            cluster_of_task=[clusters.index(self._mixture.cluster_of(name)) for name in names],
            sequences=self._sequences,
            sequence_length=settings.sequence_length,
            max_targets=settings.max_targets,
            examples=self._examples.tolist(),
            cuts={name: dataclasses.asdict(cuts) for name, cuts in zip(names, self.cuts)},
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
