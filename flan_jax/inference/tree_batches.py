"""Which trees share a sequence, and which sequences a batch, where many are read and each is read once."""

from collections.abc import Callable, Iterator, Sequence

from flan_jax.inference.prefill import padded_length

_SHORTEST_SEQUENCE = 128
"""Sequences are this long at least, for they hold as many trees as fit."""


def batches(sizes: Sequence[int], batch_size: Callable[[int], int]) -> Iterator[tuple[int, list[list[int]]]]:
    """Lengths, and sequences of indices; sequences that fill no batch wait for the next length.

    Args:
      sizes: tokens of each tree.
      batch_size: gives the sequences of a batch, by their length.
    """
    waiting: list[int] = []
    by_length = sorted(_by_length(sizes).items())
    for length, members in by_length:
        sequences = _next_fit([*waiting, *members], sizes, length)
        size = batch_size(length)
        full = len(sequences) if length == by_length[-1][0] else len(sequences) // size * size
        for start in range(0, full, size):
            yield length, sequences[start : start + size]
        waiting = [index for sequence in sequences[full:] for index in sequence]


def _by_length(sizes: Sequence[int]) -> dict[int, list[int]]:
    groups: dict[int, list[int]] = {}
    for index, size in enumerate(sizes):
        groups.setdefault(padded_length(size, _SHORTEST_SEQUENCE), []).append(index)
    return groups


def _next_fit(members: Sequence[int], sizes: Sequence[int], length: int) -> list[list[int]]:
    """Sequences of indices, next fit over trees in order of size, so that sequences are alike."""
    sequences: list[list[int]] = []
    free = 0
    for index in sorted(members, key=lambda index: sizes[index]):
        if sizes[index] > free:
            sequences.append([])
            free = length
        sequences[-1].append(index)
        free -= sizes[index]
    return sequences
