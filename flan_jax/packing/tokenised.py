"""Tokenised examples, as SeqIO gives them, become examples that can be packed."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from flan_jax.data.renderable import iterated
from flan_jax.data.tokenized import BRANCH_LENGTHS, BRANCHES, CUTS, INPUTS, SCORES, TARGETS, WEIGHTS
from flan_jax.errors import UserError
from flan_jax.packing.example import Example

_EXAMPLES_PER_FETCH = 16


def tokenised(
    examples: tf.data.Dataset, index: int, keep: Callable[[Mapping[str, np.ndarray]], bool], name: str = ''
) -> Iterator[Example]:
    """What SeqIO gives of task number `index` and `keep` is true of, as examples.

    Raises:
      UserError: where an example cannot be rendered; names the task, `name`.
    """
    kept = (INPUTS, TARGETS, WEIGHTS, 'template', *CUTS, BRANCHES, BRANCH_LENGTHS, SCORES)
    examples = examples.map(lambda example: {name: example[name] for name in kept if name in example})
    for batch in iterated(examples.ragged_batch(_EXAMPLES_PER_FETCH), name):
        for values in zip(*batch.values()):
            example = dict(zip(batch, values))
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
