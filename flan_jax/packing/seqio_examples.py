"""Conversion of tokenised SeqIO examples into `Example`s for packing."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from flan_jax.data.renderable import iterated
from flan_jax.data.tokenized import BRANCH_LENGTHS, BRANCHES, CUTS, INPUTS, SCORES, TARGETS, WEIGHTS
from flan_jax.errors import UserError
from flan_jax.packing.example import Example

_EXAMPLES_PER_FETCH = 16

_KEPT = (INPUTS, TARGETS, WEIGHTS, 'template', *CUTS, BRANCHES, BRANCH_LENGTHS, SCORES)
"""Features of an example that packing reads, scalars or vectors."""


def fetch_ragged(examples: tf.data.Dataset, name: str) -> Iterator[Mapping[str, np.ndarray]]:
    """The features of any task's examples; raises UserError, naming the task, if one cannot be rendered."""
    examples = examples.map(lambda example: {feature: example[feature] for feature in _KEPT if feature in example})
    for batch in iterated(examples.ragged_batch(_EXAMPLES_PER_FETCH).prefetch(1), name):
        for values in zip(*batch.values()):
            yield dict(zip(batch, values))


def fetch_padded(examples: tf.data.Dataset, name: str) -> Iterator[Mapping[str, np.ndarray]]:
    """The same for a `CatalogueTask`, with values that do not occur in its features as padding.

    Padded batches start earlier than ragged ones.
    """
    padding = {
        feature: tf.constant(_padding(spec.dtype), spec.dtype) for feature, spec in examples.element_spec.items()
    }
    batches = examples.padded_batch(_EXAMPLES_PER_FETCH, padding_values=padding)
    for batch in iterated(batches.prefetch(1), name):
        kept = [feature for feature in _KEPT if feature in batch]
        for values in zip(*(batch[feature] for feature in kept)):
            yield dict(zip(kept, map(_without_padding, values)))


def _padding(dtype: tf.DType) -> float | int | str | bool:
    """NaN for floats, -1 for ids; flags and texts are scalars, which are not padded."""
    return np.nan if dtype.is_floating else -1 if dtype.is_integer else '' if dtype == tf.string else False


def _without_padding(value: np.ndarray) -> np.ndarray:
    if not value.ndim:
        return value
    return value[~np.isnan(value)] if value.dtype.kind == 'f' else value[value >= 0]


def to_examples(
    examples: Iterator[Mapping[str, np.ndarray]], index: int, keep: Callable[[Mapping[str, np.ndarray]], bool]
) -> Iterator[Example]:
    """The examples of task `index` for which `keep` returns True.

    Args:
      examples: from `fetch_ragged` or `fetch_padded`.
      index: index of the task.
      keep: called with every example.

    Raises:
      UserError: if an example has no tokens.
    """
    for example in examples:
        if keep(example):
            yield _packable(example, index)


def _packable(example: Mapping[str, np.ndarray], index: int) -> Example:
    for name in (INPUTS, TARGETS):
        if not len(example[name]):
            raise UserError(
                f'an example has no token of its {name}; choose a Run.prompt_format that puts text around both'
            )
    if BRANCHES in example:
        return _tree(example, index)
    weights = example.get(WEIGHTS)
    weighted = None if weights is None or (weights == 1).all() else (weights,)
    return Example(
        example[INPUTS],
        (example[TARGETS],),
        index,
        int(example.get('template', -1)),
        weighted,
    )


def _tree(example: Mapping[str, np.ndarray], index: int) -> Example:
    """A prompt with all its responses and their scores."""
    branches = np.split(example[BRANCHES], np.cumsum(example[BRANCH_LENGTHS])[:-1])
    if not all(map(len, branches)):
        raise UserError('a response has no token; choose a Run.prompt_format that ends responses')
    scores = {'score': tuple(map(float, example[SCORES]))}
    return Example(example[INPUTS], tuple(branches), index, int(example.get('template', -1)), annotations=scores)
