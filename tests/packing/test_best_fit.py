"""Packing keeps every token of every example once and in order, and says where each example ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.packing.best_fit import BestFitPacker, pack
from flan_jax.packing.rows import Example, Row, expand

SEQUENCE_LENGTH = 32

tokens = st.lists(st.integers(1, 1000), min_size=1, max_size=SEQUENCE_LENGTH // 2).map(np.array)
examples = st.lists(st.builds(Example, tokens, tokens, st.integers(0, 3), st.integers(0, 9)), min_size=1, max_size=60)


def as_tuples(found):
    return [(tuple(e.inputs), tuple(e.targets), e.task, e.template) for e in found]


@given(examples, st.integers(SEQUENCE_LENGTH // 2, SEQUENCE_LENGTH), st.integers(1, 8))
def test_every_example_is_in_exactly_one_row(given_examples, max_targets, window):
    rows = list(pack(given_examples, SEQUENCE_LENGTH, max_targets, window))
    assert all(len(row.tokens) <= SEQUENCE_LENGTH and row.target_lengths.sum() <= max_targets for row in rows)
    packed = [example for row in rows for example in row.examples()]
    assert sorted(as_tuples(packed)) == sorted(as_tuples(given_examples))


@given(examples)
def test_rows_survive_storage(given_examples):
    for row in pack(given_examples, SEQUENCE_LENGTH, SEQUENCE_LENGTH, 4):
        assert as_tuples(Row.from_bytes(row.to_bytes()).examples()) == as_tuples(row.examples())


@given(examples)
def test_arrays_follow_from_the_lengths(given_examples):
    rows = list(pack(given_examples, SEQUENCE_LENGTH, SEQUENCE_LENGTH, 4))
    batch = expand(rows, SEQUENCE_LENGTH, cluster_of_task=[5, 6, 7, 8])
    for index, row in enumerate(rows):
        used = len(row.tokens)
        assert not batch['segment_ids'][index, used:].any() and not batch['target_mask'][index, used:].any()
        for segment, example in enumerate(row.examples(), start=1):
            here = batch['segment_ids'][index] == segment
            np.testing.assert_array_equal(batch['tokens'][index, here], [*example.inputs, *example.targets])
            np.testing.assert_array_equal(batch['positions'][index, here], np.arange(len(example)))
            expected_mask = [False] * len(example.inputs) + [True] * len(example.targets)
            np.testing.assert_array_equal(batch['target_mask'][index, here], expected_mask)
            assert set(batch['cluster_ids'][index, here]) == {5 + example.task}


def test_an_example_goes_where_it_fits_best():
    example = lambda length: Example(np.ones(length - 1, int), np.ones(1, int))  # noqa: E731
    packer = BestFitPacker(sequence_length=10, max_targets=10, window=5)
    assert [packer.add(example(length)) for length in (4, 7)] == [None, None]
    row = packer.add(example(3))  # both rows have room; the second is filled to the brim
    assert row is not None and len(row.tokens) == 10 and row.input_lengths.tolist() == [6, 2]


def test_a_longer_example_than_a_row_is_refused():
    with pytest.raises(ValueError, match='11 tokens, 1 of them targets, does not fit a row of 10'):
        BestFitPacker(10, 10, 1).add(Example(np.ones(10, int), np.ones(1, int)))
    with pytest.raises(ValueError, match='with at most 3'):
        BestFitPacker(10, 3, 1).add(Example(np.ones(1, int), np.ones(4, int)))
