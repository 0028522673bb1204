"""Slices of prepared datasets for training, validation and test."""

import dataclasses
from collections.abc import Mapping

from flan_jax.catalogue.declaration import Splits, Tail

SMALLEST_SHARE = 3
"""A tail, or a skipped head, takes at most a third of the examples, so that samples and excerpts remain usable."""


@dataclasses.dataclass(frozen=True)
class Slice:
    """Examples [start, stop) of the TFDS split `split`."""

    split: str
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    def __str__(self) -> str:
        return f'{self.split}[{self.start}:{self.stop}]'


def resolve(splits: Splits, examples: Mapping[str, int]) -> dict[str, Slice]:
    """The slices for 'train', 'validation' and 'test' that have examples.

    Args:
      splits: the declaration.
      examples: number of examples of each TFDS split on disk.

    Returns:
      The slices by split, without splits that are not declared, not on disk, or empty.
    """
    resolved: dict[str, Slice] = {}
    train_stop = examples.get(splits.train, 0) if splits.train else 0
    for name in ('test', 'validation'):
        declared: str | Tail | None = getattr(splits, name)
        if isinstance(declared, Tail) and splits.train:
            start = train_stop - min(declared.examples, train_stop // SMALLEST_SHARE)
            resolved[name] = Slice(splits.train, start, train_stop)
            train_stop = start
        elif isinstance(declared, str):
            limit = splits.validation_examples if name == 'validation' else examples.get(declared, 0)
            resolved[name] = Slice(declared, 0, min(limit, examples.get(declared, 0)))
    if splits.train:
        start = min(splits.train_start, train_stop // SMALLEST_SHARE)
        stop = train_stop if splits.train_examples is None else min(train_stop, start + splits.train_examples)
        resolved['train'] = Slice(splits.train, start, stop)
    return {name: resolved[name] for name in ('train', 'validation', 'test') if len(resolved.get(name, ()))}
