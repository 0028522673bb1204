"""Templates that are drawn are filled as those that are named."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

from flan_jax.data.rendering import fill, fill_all, fill_one_of

PIECES = strategies.sampled_from(['', ' ', 'a', '{{', '\n', '{b}', '{c}', '{c} {b}', '  {b}', '→'])
TEXTS = strategies.lists(strategies.lists(PIECES, max_size=4).map(''.join), min_size=1, max_size=4)


@pytest.mark.parametrize('values', [{'b': ' B', 'c': ''}, {'b': [' B', 'b ', '{c}'], 'c': ['', 'C', 'é']}])
@hypothesis.settings(max_examples=40)
@hypothesis.given(texts=TEXTS)
def test_the_text_at_an_index_is_filled_as_it_is_alone(values, texts):
    values = {name: tf.constant(value) for name, value in values.items()}
    for index, text in enumerate(texts):
        drawn, alone = fill_one_of(texts, tf.constant(index), values), fill(text, values)
        found, expected = np.broadcast_arrays(drawn.numpy(), alone.numpy())
        assert found.tolist() == expected.tolist()


@hypothesis.settings(max_examples=40)
@hypothesis.given(texts=TEXTS)
def test_all_texts_are_filled_as_each_is_alone(texts):
    values = {'b': tf.constant(' B'), 'c': tf.constant('')}
    assert fill_all(texts, values).numpy().tolist() == [fill(text, values).numpy() for text in texts]
