"""Accumulation and remat change how an update is computed, never what it is."""

import dataclasses
import functools

import jax
import numpy as np
import optax
import pytest

from flan_jax.model.decoder import Execution
from flan_jax.model.value_head import VALUE_HEAD, init_value_head
from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.next_token import NextToken
from flan_jax.objectives.reward import Reward
from flan_jax.objectives.rrhf import Rrhf
from flan_jax.packing.best_fit import pack
from flan_jax.packing.layout import Shape, lay_out
from flan_jax.training.step import Learning, fresh_state, predictions, train_step
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora
from tests.objectives.test_next_token import CLUSTERS, assert_trees_close
from tests.objectives.test_preferences import ranked, rows
from tests.toy import CONFIGS, LENGTH, batch_of, random_examples, random_params

step = jax.jit(train_step, static_argnums=(0, 1))

LEARNING = Learning(CONFIGS['relative'], NextToken(), Full(), optax.sgd(1.0), Execution())


def update_on_trees(learning):
    """Parameters and metrics after one update on trees, of which sequences hold unequal numbers."""
    sequences = rows(ranked(30))[:8]
    assert len({sum(len(example.responses) for example in examples) for examples in sequences}) > 3
    params = random_params(learning.config) | init_value_head(learning.config, jax.random.key(1))
    if not learning.objective.needs_values:
        del params[VALUE_HEAD]
    state = fresh_state(params, learning.optimizer)
    state, metrics = step(learning, CLUSTERS, state, {}, batch_of(sequences))
    return state.params, metrics


@pytest.mark.parametrize('objective', [Reward(centring=0.01), Dpo(), Rrhf()])
def test_accumulated_update_on_trees_equals_that_of_the_whole_batch(objective):
    learning = dataclasses.replace(LEARNING, objective=objective)
    accumulated = dataclasses.replace(learning, microbatches=4)
    assert_trees_close(update_on_trees(accumulated), update_on_trees(learning), rtol=2e-4, atol=1e-5)


@functools.cache
def update(learning):
    """Parameters and metrics after one update on sequences with unequal numbers of targets."""
    sequences = list(pack(random_examples(40), LENGTH, LENGTH, 1))[:8]
    assert len({int(sequence.response_lengths.sum()) for sequence in sequences}) > 3
    state = fresh_state(random_params(learning.config), learning.optimizer)
    batch = batch_of([sequence.examples() for sequence in sequences])
    state, metrics = step(learning, CLUSTERS, state, {}, batch)
    return state.params, metrics


DROPPING = dataclasses.replace(LEARNING, residual_dropout=0.3)


@pytest.mark.parametrize('learning', [LEARNING, DROPPING])
@pytest.mark.parametrize('change', [{'microbatches': 2}, {'microbatches': 4}])
def test_accumulated_update_equals_that_of_the_whole_batch(change, learning):
    """A mean of the microbatches' means would differ."""
    assert_trees_close(update(dataclasses.replace(learning, **change)), update(learning), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('microbatches', [1, 4])
def test_sequences_of_padding_have_no_effect(microbatches):
    """As in the last step of whole epochs; of four microbatches two hold nothing else."""
    examples = [sequence.examples() for sequence in pack(random_examples(40), LENGTH, LENGTH, 1)][:3]
    padded = lay_out(examples, Shape(8, LENGTH, LENGTH))
    padded['cluster_ids'] = np.array([0, 1, 1], np.int32)[padded.pop('tasks')]
    del padded['segment_exits']
    updates = []
    for parts, batch in ((1, batch_of(examples)), (microbatches, padded)):
        learning = dataclasses.replace(LEARNING, microbatches=parts)
        state = fresh_state(random_params(learning.config), learning.optimizer)
        updates.append(step(learning, CLUSTERS, state, {}, batch))
    (alone, metrics), (filled_up, of_filled_up) = updates
    assert_trees_close((filled_up.params, of_filled_up), (alone.params, metrics), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize('learning', [LEARNING, DROPPING])
@pytest.mark.parametrize('remat', ['dots', 'full'])
def test_remat_has_no_effect(remat, learning):
    again = dataclasses.replace(learning, execution=Execution(remat=remat))
    assert_trees_close(update(again), update(learning), rtol=1e-4, atol=1e-6)


STANDING_STILL = optax.sgd(0.0)


def losses_of_steps(learning, batch, frozen=None):
    """The loss before each of the first two updates, which change nothing."""
    learning = dataclasses.replace(learning, optimizer=STANDING_STILL)
    whole = random_params(learning.config)
    trained = learning.tuning.init(learning.config, jax.random.key(0), whole, None) if frozen else whole
    state = fresh_state(trained, learning.optimizer)
    losses = []
    for _ in range(2):
        state, metrics = step(learning, CLUSTERS, state, frozen or {}, batch)
        losses.append(float(metrics.objective['loss'].total))
    return losses


@pytest.fixture(scope='module')
def batch():
    return batch_of([sequence.examples() for sequence in pack(random_examples(40), LENGTH, LENGTH, 1)][:8])


def test_dropout_masks_differ_at_every_step_and_by_seed(batch):
    first, second = losses_of_steps(DROPPING, batch)
    assert first != second
    assert losses_of_steps(DROPPING, batch) == [first, second]
    assert first not in losses_of_steps(dataclasses.replace(DROPPING, seed=1), batch)
    (plain, again) = losses_of_steps(LEARNING, batch)
    assert plain == again and plain not in (first, second)


def test_dropout_of_an_adapter_that_is_nothing_yet_is_that_of_its_base(batch):
    lora = dataclasses.replace(DROPPING, tuning=Lora(rank=2))
    np.testing.assert_allclose(
        losses_of_steps(lora, batch, random_params(lora.config)), losses_of_steps(DROPPING, batch), rtol=1e-6
    )


def test_what_is_evaluated_is_whole(batch):
    """Only batches that are learned from carry keys of dropout."""
    params = random_params(DROPPING.config)
    of_both = [predictions(learning, params, batch).log_probs_BxP for learning in (DROPPING, LEARNING)]
    np.testing.assert_array_equal(*of_both)
