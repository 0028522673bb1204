"""The arrays of a batch follow from its trees, whatever shares a sequence."""

import numpy as np
import pytest

from flan_jax.model.inputs import Inputs, attention_mask
from flan_jax.packing.example import Example
from flan_jax.packing.layout import Shape, lay_out
from tests.toy import random_examples

SHAPE = Shape(batch_size=2, length=200, predicted=128, responses=24)


def batch(read_last=True, first_position=0):
    sequences = [random_examples(4, seed=1, responses=4), random_examples(3, seed=2, responses=5)]
    return sequences, lay_out(sequences, SHAPE, read_last=read_last, first_position=first_position)


def texts(examples):
    """Every prompt with each of its responses."""
    return [np.concatenate([example.prompt, response]) for example in examples for response in example.responses]


@pytest.mark.parametrize('read_last', [True, False])
def test_every_token_attends_to_the_text_before_it_and_to_nothing_else(read_last):
    """What a predicting position attends to, in order, is the prompt and its response so far."""
    sequences, arrays = batch(read_last)
    visible = np.asarray(attention_mask(Inputs.of(arrays)))
    for index, examples in enumerate(sequences):
        seen = [
            np.flatnonzero(visible[index, :, query]) for query in arrays['predict_at'][index][: sum_targets(examples)]
        ]
        target = 0
        for text, prompt_length in zip(texts(examples), prompt_lengths(examples)):
            for end in range(prompt_length, len(text)):
                np.testing.assert_array_equal(arrays['tokens'][index, seen[target]], text[:end])
                np.testing.assert_array_equal(arrays['positions'][index, seen[target]], np.arange(end))
                assert arrays['labels'][index, target] == text[end]
                target += 1
        assert target == len(seen)


def sum_targets(examples):
    return sum(example.num_targets for example in examples)


def prompt_lengths(examples):
    return [len(example.prompt) for example in examples for _ in example.responses]


def test_padding_weighs_nothing_and_responses_are_distinguished():
    sequences, arrays = batch()
    for index, examples in enumerate(sequences):
        count = sum_targets(examples)
        np.testing.assert_array_equal(arrays['weights'][index], np.arange(SHAPE.predicted) < count)
        lengths = [len(response) for example in examples for response in example.responses]
        np.testing.assert_array_equal(
            arrays['response_ids'][index, :count], np.repeat(np.arange(len(lengths)), lengths)
        )
        owners = [number for number, example in enumerate(examples) for _ in example.responses]
        np.testing.assert_array_equal(arrays['example_ids'][index], owners + [-1] * (SHAPE.responses - len(owners)))


def test_responses_end_at_their_last_token():
    sequences, arrays = batch()
    for index, examples in enumerate(sequences):
        last = [response[-1] for example in examples for response in example.responses]
        ends = arrays['response_ends'][index]
        np.testing.assert_array_equal(arrays['tokens'][index, ends[: len(last)]], last)
        assert len(set(ends[: len(last)])) == len(last) and not ends[len(last) :].any()
    assert 'response_ends' not in batch(read_last=False)[1]


def test_positions_begin_at_the_given_offset():
    np.testing.assert_array_equal(
        batch(first_position=30)[1]['positions'][0, :50], batch()[1]['positions'][0, :50] + 30
    )


def test_weights_and_annotations_are_kept():
    example = Example(
        np.array([5, 6]),
        (np.array([7, 1]), np.array([8, 9, 1])),
        weights=(np.array([0.5, 1]), np.array([0, 0, 2])),
        annotations={'scores': (1.5, -2.0)},
    )
    arrays = lay_out([[example]], Shape(1, 8, 6, 3))
    np.testing.assert_array_equal(arrays['weights'][0], [0.5, 1, 0, 0, 2, 0])
    np.testing.assert_array_equal(arrays['scores'][0], [1.5, -2.0, 0])


def test_one_response_makes_one_piece():
    """So that sequences of chains need segment ids alone."""
    arrays = lay_out([random_examples(5)], Shape(1, 128, 64))
    inputs = Inputs.of(arrays)
    without = Inputs(inputs.tokens, inputs.positions, inputs.segment_ids)
    np.testing.assert_array_equal(attention_mask(inputs), attention_mask(without))
