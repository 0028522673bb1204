"""Any part of a parameter can be read from where it lies, fused and transposed or not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.convert.tensors import Place, Share

SIZE_IN, SIZE_OUT, HEADS = 5, 12, 4


@st.composite
def parts(draw, size):
    start = draw(st.integers(0, size - 1))
    return slice(start, draw(st.integers(start + 1, size)))


@st.composite
def fused_places(draw):
    """The places of queries, keys and values in one tensor, of kernels or of biases."""
    shape = draw(st.sampled_from([(SIZE_IN, SIZE_OUT), (SIZE_OUT,)]))
    transposed = len(shape) == 2 and draw(st.booleans())
    groups = draw(st.sampled_from([1, HEADS]))
    return [Place('fused', shape, transposed, Share(index, 3, groups)) for index in range(3)]


@given(fused_places(), st.data())
def test_shares_of_a_fused_tensor(places, data):
    ours = [np.random.default_rng(index).normal(size=place.shape) for index, place in enumerate(places)]
    tensor = np.full(places[0].their_shape, np.nan)
    for place, values in zip(places, ours):
        place.write(values, tensor)
    assert not np.isnan(tensor).any()
    for place, values in zip(places, ours):
        index = tuple(data.draw(parts(size)) for size in place.shape)
        np.testing.assert_array_equal(place.read(tensor, index), values[index])


def test_queries_keys_and_values_alternate_by_head_or_follow_each_other():
    query, key, value = (np.arange(8) + 100 * part for part in range(3))
    for groups, expected in [
        (1, [*query, *key, *value]),
        (2, [*query[:4], *key[:4], *value[:4], *query[4:], *key[4:], *value[4:]]),
    ]:
        tensor = np.empty(24)
        for part, values in enumerate((query, key, value)):
            Place('fused', (8,), share=Share(part, 3, groups)).write(values, tensor)
        assert tensor.tolist() == expected


@given(st.booleans(), st.data())
def test_a_tensor_of_its_own(transposed, data):
    place = Place('own', (SIZE_IN, SIZE_OUT), transposed)
    ours = np.random.default_rng(0).normal(size=place.shape)
    tensor = np.empty(place.their_shape)
    place.write(ours, tensor)
    index = tuple(data.draw(parts(size)) for size in place.shape)
    np.testing.assert_array_equal(place.read(tensor, index), ours[index])
    np.testing.assert_array_equal(tensor, ours.T if transposed else ours)
