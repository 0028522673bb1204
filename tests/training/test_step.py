"""Accumulation and remat change how an update is computed, never what it is."""

import dataclasses

import jax
import optax
import pytest

from flan_jax.model.decoder import Execution
from flan_jax.objectives.next_token import NextToken
from flan_jax.packing.best_fit import pack
from flan_jax.training.step import Learning, fresh_state, train_step
from flan_jax.tuning.full import Full
from tests.objectives.test_next_token import CLUSTERS, assert_trees_close
from tests.toy import CONFIGS, LENGTH, batch_of, random_examples, random_params

LEARNING = Learning(CONFIGS['relative'], NextToken(), Full(), optax.sgd(1.0), Execution())


def update(learning):
    """Parameters and metrics after one update on sequences with unequal numbers of targets."""
    sequences = list(pack(random_examples(40), LENGTH, LENGTH, 1))[:8]
    assert len({int(sequence.response_lengths.sum()) for sequence in sequences}) > 3
    state = fresh_state(random_params(learning.config), learning.optimizer)
    batch = batch_of([sequence.examples() for sequence in sequences])
    state, metrics = jax.jit(lambda *args: train_step(learning, CLUSTERS, *args))(state, {}, batch)
    return state.params, metrics


@pytest.mark.parametrize('change', [{'microbatches': 2}, {'microbatches': 4}])
def test_accumulated_update_equals_that_of_the_whole_batch(change):
    """A mean of the microbatches' means would differ."""
    assert_trees_close(update(dataclasses.replace(LEARNING, **change)), update(LEARNING), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('remat', ['dots', 'full'])
def test_remat_changes_nothing(remat):
    again = dataclasses.replace(LEARNING, execution=Execution(remat=remat))
    assert_trees_close(update(again), update(LEARNING), rtol=1e-4, atol=1e-6)
