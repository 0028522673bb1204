"""Packing keeps every token of every example once and in order, and says where each example ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.packing.best_fit import BestFitPacker, pack
from flan_jax.packing.example import Example, PackedSequence

LENGTH = 32

tokens = st.lists(st.integers(1, 1000), min_size=1, max_size=LENGTH // 4).map(np.array)
responses = st.lists(tokens, min_size=1, max_size=3).map(tuple)


@st.composite
def trees(draw):
    """An example with weights and annotations."""
    answers = draw(responses)
    return Example(
        draw(tokens),
        answers,
        draw(st.integers(0, 3)),
        draw(st.integers(-1, 9)),
        tuple(np.linspace(0, 1, len(answer), dtype=np.float32) for answer in answers) if draw(st.booleans()) else None,
        {'scores': tuple(float(number) for number in range(len(answers)))},
    )


examples = st.lists(trees(), min_size=1, max_size=40)


def as_plain(example):
    """All of an example; no weights are weights of one."""
    weights = example.weights or [np.ones(len(response)) for response in example.responses]
    lists = [array.tolist() for array in (example.prompt, *example.responses, *weights)]
    return str((lists, example.task, example.template, dict(example.annotations)))


@given(examples, st.integers(3 * LENGTH // 4, LENGTH), st.integers(1, 8))
def test_every_example_is_in_exactly_one_sequence(given_examples, max_targets, window):
    sequences = list(pack(given_examples, LENGTH, max_targets, window))
    assert all(len(s.tokens) <= LENGTH and s.response_lengths.sum() <= max_targets for s in sequences)
    packed = [example for sequence in sequences for example in sequence.examples()]
    assert sorted(map(as_plain, packed)) == sorted(map(as_plain, given_examples))


@given(examples)
def test_sequences_survive_storage(given_examples):
    for sequence in pack(given_examples, LENGTH, LENGTH, 4):
        stored = PackedSequence.from_bytes(sequence.to_bytes())
        assert list(map(as_plain, stored.examples())) == list(map(as_plain, sequence.examples()))


def chain(length):
    return Example(np.ones(length - 1, int), (np.ones(1, int),))


def test_an_example_goes_where_it_fits_best():
    packer = BestFitPacker(sequence_length=10, max_targets=10, window=5)
    assert [packer.add(chain(length)) for length in (4, 7)] == [None, None]
    sequence = packer.add(chain(3))  # both sequences have room; the second is filled to the brim
    assert sequence is not None and len(sequence.tokens) == 10 and sequence.prompt_lengths.tolist() == [6, 2]


def test_a_longer_example_than_a_sequence_is_refused():
    with pytest.raises(ValueError, match='11 tokens, 1 of them targets, does not fit a sequence of 10'):
        BestFitPacker(10, 10, 1).add(chain(11))
    with pytest.raises(ValueError, match='with at most 3'):
        BestFitPacker(10, 3, 1).add(Example(np.ones(1, int), (np.ones(2, int), np.ones(2, int))))
