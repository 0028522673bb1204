"""The block of options: the same whether all examples share their options or each has its own."""

import pytest
import tensorflow as tf

from flan_jax.catalogue.option_styles import LETTERED, LISTED, MAX_OPTIONS
from flan_jax.data.options import Options, options_block


@pytest.mark.parametrize('style', [LISTED, LETTERED], ids=['listed', 'lettered'])
@pytest.mark.parametrize('count', [1, 3, 30])
def test_options_that_all_share_are_listed_as_those_of_one_example(style, count):
    texts = tuple(f'option {number}' for number in range(count))
    options = Options(texts, tf.constant(0), style)
    assert options.block.numpy() == options_block(tf.constant(texts), style).numpy()
    assert options.first_right.numpy() == options.references.numpy()[0] == options.answers.numpy()[0]


def test_no_option_beyond_the_marks_is_left_out_in_silence():
    with pytest.raises(ValueError):
        Options(('yes',) * (MAX_OPTIONS + 1), tf.constant(0)).block  # noqa: B018
