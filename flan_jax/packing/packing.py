"""Packing of a mixture: sample a task, take its next example, add it to a sequence; with a state to resume from."""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from flan_jax.data.cuts import Cuts
from flan_jax.data.mixtures import TuningMixture
from flan_jax.packing.best_fit import BestFitPacker, Open
from flan_jax.packing.epochs import examples_by_epoch
from flan_jax.packing.example import Example, PackedSequence
from flan_jax.packing.readers import Read, Readers, Skipped
from flan_jax.packing.settings import Stream

_SAMPLES_PER_BLOCK = 4096


@dataclasses.dataclass(frozen=True)
class State:
    """The state of packing after a sequence.

    Attributes:
      sequences: number of sequences so far.
      reads: progress of each reader.
      cuts: how each task's examples were cut.
      open: the open sequences.
    """

    sequences: int
    reads: Sequence[Read]
    cuts: Sequence[Cuts]
    open: Open

    @property
    def as_json(self) -> dict[str, Any]:
        """The state without the content of open sequences."""
        plain = {name: [dataclasses.asdict(one) for one in getattr(self, name)] for name in ('reads', 'cuts')}
        return {'sequences': self.sequences, 'keys': list(self.open.keys), 'next_key': self.open.next_key} | plain

    @classmethod
    def of(cls, content: dict[str, Any], sequences: Sequence[PackedSequence]) -> 'State':
        """The inverse of `as_json`, given the open sequences."""
        reads, cuts = [Read(**read) for read in content['reads']], [Cuts(**cuts) for cuts in content['cuts']]
        return cls(content['sequences'], reads, cuts, Open(content['next_key'], content['keys'], sequences))


class Packing:
    """The sequences of a mixture: all of `settings.epochs`, or the first `num_sequences` of an endless packing."""

    def __init__(
        self,
        mixture: TuningMixture,
        settings: Stream,
        num_sequences: int | None,
        cuts: Sequence[Cuts],
        read: Callable[[], None] = lambda: None,
    ):
        """Packs a mixture.

        Args:
          mixture: the tasks.
          settings: how they are packed.
          num_sequences: number of sequences; None for all of `settings.epochs`.
          cuts: counts how each task's examples are cut.
          read: called after every example.
        """
        self._read = read
        self._mixture, self._settings, self._cuts = mixture, settings, cuts
        self._num_sequences, self._done = num_sequences, 0
        self._readers = Readers(mixture.seqio.tasks, settings, cuts)
        self._packer = BestFitPacker(settings.sequence_length, settings.max_targets, settings.window)

    @property
    def state(self) -> State:
        """The state after the latest sequence."""
        reads = [dataclasses.replace(read) for read in self._readers.reads]
        return State(self._done, reads, [dataclasses.replace(cuts) for cuts in self._cuts], self._packer.open)

    def resume(self, state: State) -> None:
        """Continues from the state of another packing; must be called before iteration."""
        for cuts, before in zip(self._cuts, state.cuts, strict=True):
            vars(cuts).update(vars(before))
        self._done = state.sequences
        self._readers = Readers(self._mixture.seqio.tasks, self._settings, self._cuts, state.reads)
        self._packer.reopen(state.open)

    def __iter__(self) -> Iterator[PackedSequence]:
        """The remaining sequences; can be iterated once, since readers are closed at the end."""
        with contextlib.closing(self._readers):
            for sequence in itertools.islice(self._sequences(), _left(self._num_sequences, self._done)):
                self._done += 1
                yield sequence

    def _sequences(self) -> Iterator[PackedSequence]:
        for example in self._examples():
            self._read()
            if not isinstance(example, Skipped) and (sequence := self._packer.add(example)) is not None:
                yield sequence
        yield from self._packer.flush()

    def _examples(self) -> Iterator[Example]:
        if self._settings.epochs is None:
            return sampled(self._mixture, self._settings, self._readers)
        return examples_by_epoch(self._mixture, self._settings, lambda task, seed: self._readers.open(task, seed, 1))


def _left(wanted: int | None, done: int) -> int | None:
    return None if wanted is None else max(0, wanted - done)


def sampled(mixture: TuningMixture, settings: Stream, readers: Readers) -> Iterator[Example]:
    """An endless iterator of examples: tasks are sampled by the mixture's rates, their examples read in epochs."""
    random = np.random.default_rng(settings.seed)
    seeds = random.integers(0, 2**31 - 1, len(mixture.seqio.tasks))
    streams: dict[int, Iterator[Example]] = {}
    rates = np.array(list(mixture.rates.values()))
    while True:
        drawn = random.choice(len(rates), size=_SAMPLES_PER_BLOCK, p=rates).tolist()
        for task in dict.fromkeys(drawn):
            if task not in streams:
                streams[task] = readers.open(task, int(seeds[task]))
        for task in drawn:
            yield next(streams[task])
