"""Tokenised examples, as SeqIO gives them, become examples that can be packed."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from flan_jax.data.renderable import iterated
from flan_jax.data.tokenized import BRANCH_LENGTHS, BRANCHES, CUTS, INPUTS, SCORES, TARGETS, WEIGHTS
from flan_jax.errors import UserError
from flan_jax.packing.example import Example

_EXAMPLES_PER_FETCH = 16


_KEPT = (INPUTS, TARGETS, WEIGHTS, 'template', *CUTS, BRANCHES, BRANCH_LENGTHS, SCORES)
"""What packing reads of an example: numbers, scalars or vectors."""


def tokenised(
    examples: tf.data.Dataset, index: int, keep: Callable[[Mapping[str, np.ndarray]], bool], name: str = ''
) -> Iterator[Example]:
    """What SeqIO gives of task number `index` and `keep` is true of, as examples.

    Raises:
      UserError: where an example cannot be rendered; names the task, `name`.
    """
    for batch in iterated(_padded_batches(examples), name):
        kept = [feature for feature in _KEPT if feature in batch]
        for values in zip(*(batch[feature] for feature in kept)):
            example = dict(zip(kept, map(_without_padding, values)))
            if keep(example):
                yield _packable(example, index)


def _padded_batches(examples: tf.data.Dataset) -> tf.data.Dataset:
    """Batches of examples, vectors padded to the longest of a batch: ragged ones would take a step of their own."""
    if any(spec.shape.rank != 0 for feature, spec in examples.element_spec.items() if feature not in _KEPT):
        examples = examples.map(lambda ex: {feature: ex[feature] for feature in _KEPT if feature in ex})
    padding = {name: tf.constant(_padding(spec.dtype), spec.dtype) for name, spec in examples.element_spec.items()}
    return examples.padded_batch(_EXAMPLES_PER_FETCH, padding_values=padding)


def _padding(dtype: tf.DType) -> float | int | str | bool:
    """What no feature that is kept holds: not a number, or a negative one."""
    return np.nan if dtype.is_floating else -1 if dtype.is_integer else '' if dtype == tf.string else False


def _without_padding(value: np.ndarray) -> np.ndarray:
    if not value.ndim:
        return value
    return value[~np.isnan(value)] if value.dtype.kind == 'f' else value[value >= 0]


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
