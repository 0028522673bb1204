"""Packing changes how the loss is computed, never what it is; and the laws of trees hold for loss and gradient."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from flan_jax.model import decoder
from flan_jax.model.inputs import Inputs
from flan_jax.objectives.next_token import NextToken
from flan_jax.objectives.objective import Predictions
from flan_jax.packing.best_fit import pack
from tests.toy import CONFIGS, LENGTH, batch_of, log_probs, logits, random_examples, random_params

CLUSTERS = ('a', 'b')

ROWS = 64
"""As many as there are responses, so that packed sequences and single ones are of one shape and share a program."""

each_config = pytest.mark.parametrize('name', CONFIGS)


def packed(examples, window=3):
    return [sequence.examples() for sequence in pack(examples, LENGTH, LENGTH, window)]


def alone(examples):
    """Every response in a sequence of its own, after its own copy of the prompt."""
    return [
        [dataclasses.replace(example, responses=(response,))] for example in examples for response in example.responses
    ]


@functools.partial(jax.jit, static_argnums=0)
def loss_and_gradient(config, params, batch):
    def summed(params):
        return NextToken()(Predictions(decoder.label_log_probs(config, params, batch)), batch, CLUSTERS)

    return jax.value_and_grad(summed, has_aux=True)(params)


def assert_trees_close(ours, expected, **tolerance):
    jax.tree.map(functools.partial(np.testing.assert_allclose, **tolerance), ours, expected)


@each_config
@pytest.mark.parametrize('responses', [1, 4])
def test_packed_loss_and_gradient_equal_unpacked(name, responses):
    examples, params = random_examples(responses=responses), random_params(CONFIGS[name])
    single = alone(examples)
    assert len(packed(examples)) < len(single) <= ROWS
    together, expected = (
        loss_and_gradient(CONFIGS[name], params, batch_of(sequences, rows=ROWS))
        for sequences in (packed(examples), single)
    )
    assert_trees_close(together, expected, rtol=2e-4, atol=2e-5)


def log_probs_by_response(config, examples):
    batch = batch_of([examples])
    found = np.asarray(log_probs(config, random_params(config), batch))[0]
    ends = np.cumsum([len(response) for example in examples for response in example.responses])
    return np.split(found[: ends[-1]], ends[:-1])


@each_config
def test_siblings_may_be_permuted(name):
    example = random_examples(1, seed=5, responses=1)[0]
    example = dataclasses.replace(example, responses=tuple(np.arange(1, 3 + n) for n in range(4)))
    order = (2, 0, 3, 1)
    shuffled = dataclasses.replace(example, responses=tuple(example.responses[index] for index in order))
    before, after = (log_probs_by_response(CONFIGS[name], [one]) for one in (example, shuffled))
    for index, ours in zip(order, after):
        np.testing.assert_allclose(ours, before[index], atol=1e-5)


@each_config
def test_changing_a_leaf_changes_no_other_leaf(name):
    example = dataclasses.replace(random_examples(1)[0], responses=tuple(np.arange(1, 6) + n for n in range(3)))
    changed = dataclasses.replace(example, responses=(*example.responses[:2], example.responses[2] + 30))
    before, after = (log_probs_by_response(CONFIGS[name], [one]) for one in (example, changed))
    for index in (0, 1):
        np.testing.assert_array_equal(after[index], before[index])
    assert not np.allclose(after[2], before[2])


def test_the_gradient_at_the_prompt_is_the_sum_over_its_leaves():
    """The embedding of a token that stands in the prompt alone."""
    config, params = CONFIGS['rotary'], random_params(CONFIGS['rotary'])
    config = dataclasses.replace(config, tied_embedding=False)
    params['unembedding/kernel'] = params['embedding'].T
    example = dataclasses.replace(
        random_examples(1)[0], prompt=np.array([60, 59]), responses=tuple(np.arange(1, 6) + n for n in range(3))
    )

    def gradient(examples):
        (_, _), found = loss_and_gradient(config, params, batch_of([[e] for e in examples], 32, 16))
        return found['embedding'][jnp.array([60, 59])]

    leaves = [dataclasses.replace(example, responses=(response,)) for response in example.responses]
    np.testing.assert_allclose(gradient([example]), sum(gradient([leaf]) for leaf in leaves), rtol=1e-4, atol=1e-6)


def test_loss_is_that_of_optax_on_the_targets_alone():
    config, params = CONFIGS['rotary'], random_params(CONFIGS['rotary'])
    example = random_examples(1)[0]
    tokens = np.concatenate([example.prompt, *example.responses])
    inputs = Inputs(tokens[None], np.arange(len(tokens))[None], np.ones((1, len(tokens)), int))
    predicted = logits(config, params, inputs)[0]
    expected = optax.softmax_cross_entropy_with_integer_labels(predicted[:-1], tokens[1:])[
        len(example.prompt) - 1 :
    ].sum()
    (ours, metrics), _ = loss_and_gradient(config, params, batch_of([[example]], rows=ROWS))
    np.testing.assert_allclose(ours, expected, rtol=1e-5)
    np.testing.assert_allclose(metrics['loss'], [expected, example.num_targets], rtol=1e-5)
    np.testing.assert_allclose(metrics['loss/a'], metrics['loss'], rtol=1e-6)
    np.testing.assert_allclose(metrics['loss/b'], [0, 0])


def test_a_weight_counts_as_often():
    """An example of weight two counts as two examples; one of weight zero does not count."""
    examples = random_examples(3)
    weighted = [
        dataclasses.replace(example, weights=(np.full(example.num_targets, weight),))
        for example, weight in zip(examples, (1.0, 2.0, 0.0))
    ]
    config, params = CONFIGS['rotary'], random_params(CONFIGS['rotary'])
    twice = [examples[0], examples[1], examples[1]]
    ours, expected = (
        loss_and_gradient(config, params, batch_of([[example] for example in some], rows=ROWS))
        for some in (weighted, twice)
    )
    np.testing.assert_allclose(ours[0][0], expected[0][0], rtol=1e-5)
    assert NextToken().denominator(batch_of([[example] for example in weighted])) == sum(
        weight * example.num_targets for example, weight in zip(examples, (1, 2, 0))
    )


def test_log_probabilities_are_in_float32():
    config = CONFIGS['rotary']
    params = {name: value * 100 for name, value in random_params(config).items()}
    log_probs = decoder.label_log_probs(config, params, batch_of([random_examples(1)]), decoder.Execution('bfloat16'))
    assert log_probs.dtype == jnp.float32 and np.isfinite(log_probs).all()
