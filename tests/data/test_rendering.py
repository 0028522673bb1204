"""Templates that are drawn are filled as those that are named."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

from flan_jax.catalogue.declaration import Template
from flan_jax.data.rendering import fill_all, render, render_one_of

PIECES = strategies.sampled_from(['', ' ', 'a', '{{', '\n', '{b}', '{c}', '{c} {b}', '  {b}', '→'])
TEXTS = strategies.lists(strategies.lists(PIECES, max_size=4).map(''.join), min_size=1, max_size=4)


@pytest.mark.parametrize('values', [{'b': ' B', 'c': ''}, {'b': [' B', 'b ', '{c}'], 'c': ['', 'C', 'é']}])
@hypothesis.settings(max_examples=40)
@hypothesis.given(texts=TEXTS)
def test_the_template_at_an_index_is_rendered_as_it_is_alone(values, texts):
    values = {name: tf.constant(value) for name, value in values.items()}
    shown = values | {'b': b'\xfe0\xfe'}
    templates = [Template(text, ''.join(texts)) for text in texts]
    for index, template in enumerate(templates):
        drawn, alone = render_one_of(templates, tf.constant(index), values, shown), render(template, values, shown)
        for one, other in zip(drawn, alone, strict=True):
            found, expected = np.broadcast_arrays(one.numpy(), other.numpy())
            assert found.tolist() == expected.tolist()


@hypothesis.settings(max_examples=40)
@hypothesis.given(texts=TEXTS)
def test_all_texts_are_filled_as_each_is_alone(texts):
    values = {'b': tf.constant(' B'), 'c': tf.constant('')}
    assert fill_all(texts, values).numpy().tolist() == [render(Template(text, ''), values)[0].numpy() for text in texts]
