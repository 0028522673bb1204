"""Packed rows: several examples in one fixed-length row, and the arrays a training step reads from it.

A stored row keeps its tokens and the lengths of its examples. Segment ids, positions and the target mask all follow
from the lengths, so they are never found again by searching text. Reading rows does not need TensorFlow.
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

PADDING = 0
"""Token and segment id of unused positions; segments count from 1."""


@dataclasses.dataclass(frozen=True)
class Example:
    """One tokenised example: inputs and targets, each ended by EOS, and where it came from."""

    inputs: np.ndarray
    targets: np.ndarray
    task: int = 0
    template: int = 0

    def __len__(self) -> int:
        return len(self.inputs) + len(self.targets)


@dataclasses.dataclass(frozen=True)
class Row:
    """Examples that share a row, in order.

    Attributes:
      tokens: all their tokens, inputs then targets, one example after the other.
      input_lengths: tokens of each example's inputs.
      target_lengths: tokens of each example's targets.
      tasks: index of each example's task in the stream's list.
      templates: index of each example's template.
    """

    tokens: np.ndarray
    input_lengths: np.ndarray
    target_lengths: np.ndarray
    tasks: np.ndarray
    templates: np.ndarray

    @classmethod
    def of(cls, examples: Sequence[Example]) -> 'Row':
        """The row of these examples."""
        return cls(
            tokens=np.concatenate([part for example in examples for part in (example.inputs, example.targets)]),
            input_lengths=np.array([len(example.inputs) for example in examples]),
            target_lengths=np.array([len(example.targets) for example in examples]),
            tasks=np.array([example.task for example in examples]),
            templates=np.array([example.template for example in examples]),
        )

    def examples(self) -> list[Example]:
        """The examples, cut apart again."""
        lengths = np.stack([self.input_lengths, self.target_lengths], axis=1).ravel()
        parts = np.split(self.tokens, np.cumsum(lengths)[:-1])
        return [Example(*pair) for pair in zip(parts[::2], parts[1::2], self.tasks.tolist(), self.templates.tolist())]

    def to_bytes(self) -> bytes:
        """The row as little-endian int32: the number of examples, four numbers for each, then the tokens."""
        table = np.stack([self.input_lengths, self.target_lengths, self.tasks, self.templates], axis=1)
        return np.concatenate([[len(table)], table.ravel(), self.tokens]).astype('<i4').tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> 'Row':
        """The inverse of `to_bytes`."""
        numbers = np.frombuffer(data, '<i4')
        count = int(numbers[0])
        table = numbers[1 : 1 + 4 * count].reshape(count, 4)
        return cls(numbers[1 + 4 * count :], *table.T)


def expand(rows: Sequence[Row], sequence_length: int, cluster_of_task: Sequence[int]) -> Mapping[str, np.ndarray]:
    """The arrays of a batch, each [B, T].

    Args:
      rows: B rows, none longer than `sequence_length`.
      sequence_length: T.
      cluster_of_task: cluster index of every task index.

    Returns:
      tokens, positions and cluster_ids (int32), segment_ids (int32, 0 for padding) and target_mask (bool, true on every
      token of the targets, their EOS included).
    """
    shape = (len(rows), sequence_length)
    names = ('tokens', 'positions', 'segment_ids', 'cluster_ids')
    batch = {name: np.full(shape, PADDING, np.int32) for name in names} | {'target_mask': np.zeros(shape, bool)}
    clusters = np.asarray(cluster_of_task)
    for index, row in enumerate(rows):
        used = slice(0, len(row.tokens))
        lengths = row.input_lengths + row.target_lengths
        starts = np.cumsum(lengths) - lengths
        positions = np.arange(len(row.tokens)) - np.repeat(starts, lengths)
        batch['tokens'][index, used] = row.tokens
        batch['positions'][index, used] = positions
        batch['segment_ids'][index, used] = np.repeat(np.arange(len(lengths)) + 1, lengths)
        batch['target_mask'][index, used] = positions >= np.repeat(row.input_lengths, lengths)
        batch['cluster_ids'][index, used] = np.repeat(clusters[row.tasks], lengths)
    return batch
