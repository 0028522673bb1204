"""Batching of trees for inference: which trees share a sequence, and which sequences share a batch."""

from collections.abc import Callable, Iterator, Sequence

from flan_jax.inference.prefill import padded_length

_SHORTEST_SEQUENCE = 128
"""Least length of sequences; short trees share one."""


def batches(sizes: Sequence[int], batch_size: Callable[[int], int]) -> Iterator[tuple[int, list[list[int]]]]:
    """Batches as a sequence length and, for each sequence, the indices of its trees.

    Trees that do not fill a batch of their length join the next longer one.

    Args:
      sizes: tokens of each tree.
      batch_size: number of sequences in a batch as a function of their length.
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
    """Sequences of indices: next fit over trees in order of size, so that trees of similar size share a sequence."""
    sequences: list[list[int]] = []
    free = 0
    for index in sorted(members, key=lambda index: sizes[index]):
        if sizes[index] > free:
            sequences.append([])
            free = length
        sequences[-1].append(index)
        free -= sizes[index]
    return sequences
