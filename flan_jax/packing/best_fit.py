"""Best-fit packing of examples into sequences, over a bounded window of open sequences."""

import bisect
import dataclasses
from collections.abc import Iterable, Iterator, Sequence

from flan_jax.packing.example import Example, PackedSequence


@dataclasses.dataclass(frozen=True)
class Open:
    """The open sequences of a packer.

    Attributes:
      next_key: key of the next sequence to be opened.
      keys: keys of the open sequences, in the order of their opening.
      sequences: content of the open sequences.
    """

    next_key: int
    keys: Sequence[int]
    sequences: Sequence[PackedSequence]


class BestFitPacker:
    """Adds each example to the fullest open sequence that it fits.

    An example that fits no open sequence opens a new one. A sequence is closed when it is full, or when it is the
    fullest of more than `window` open sequences. The order of sequences depends only on the order of examples.
    """

    def __init__(self, sequence_length: int, max_targets: int, window: int):
        """Packs up to `sequence_length` tokens, `max_targets` of them targets, with up to `window` sequences open."""
        self._length = sequence_length
        self._max_targets = max_targets
        self._window = window
        self._free: list[tuple[int, int]] = []  # (free tokens, key) of the open sequences, sorted
        self._open: dict[int, list[Example]] = {}
        self._targets: dict[int, int] = {}
        self._next_key = 0

    def add(self, example: Example) -> PackedSequence | None:
        """Adds an example; returns the sequence that is closed by it, if any.

        Raises:
          ValueError: if the example does not fit an empty sequence.
        """
        if len(example) > self._length or example.num_targets > self._max_targets:
            raise ValueError(
                f'an example of {len(example)} tokens, {example.num_targets} of them targets, does not fit a sequence '
                f'of {self._length} with at most {self._max_targets}'
            )
        free, key = self._take_sequence(example)
        self._open[key].append(example)
        self._targets[key] += example.num_targets
        bisect.insort(self._free, (free - len(example), key))
        fullest_is_full = self._free[0][0] == 0
        return self._close_fullest() if fullest_is_full or len(self._free) > self._window else None

    @property
    def open(self) -> Open:
        """The open sequences, for another packer to `reopen`."""
        return Open(self._next_key, list(self._open), [PackedSequence.of(examples) for examples in self._open.values()])

    def reopen(self, before: Open) -> None:
        """Continues with the open sequences of another packer with the same settings."""
        self._next_key = before.next_key
        self._open = {key: sequence.examples() for key, sequence in zip(before.keys, before.sequences, strict=True)}
        self._targets = {key: sum(ex.num_targets for ex in examples) for key, examples in self._open.items()}
        self._free = sorted((self._length - sum(map(len, examples)), key) for key, examples in self._open.items())

    def flush(self) -> Iterator[PackedSequence]:
        """Closes all open sequences, the fullest first."""
        while self._free:
            yield self._close_fullest()

    def _take_sequence(self, example: Example) -> tuple[int, int]:
        """The free tokens and key of the sequence to use, removed from the list of open ones."""
        for index in range(bisect.bisect_left(self._free, (len(example), -1)), len(self._free)):
            if self._targets[self._free[index][1]] + example.num_targets <= self._max_targets:
                return self._free.pop(index)
        key = self._next_key
        self._next_key += 1
        self._open[key], self._targets[key] = [], 0
        return self._length, key

    def _close_fullest(self) -> PackedSequence:
        _, key = self._free.pop(0)
        del self._targets[key]
        return PackedSequence.of(self._open.pop(key))


def pack(examples: Iterable[Example], sequence_length: int, max_targets: int, window: int) -> Iterator[PackedSequence]:
    """Packs all examples; every example is in exactly one sequence, as a whole."""
    packer = BestFitPacker(sequence_length, max_targets, window)
    for example in examples:
        if (sequence := packer.add(example)) is not None:
            yield sequence
    yield from packer.flush()
