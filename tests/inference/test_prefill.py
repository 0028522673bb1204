"""What prompts have in common is found, and never more than they have."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flan_jax.inference.prefill import LENGTHS, SHORTEST_PREFIX, padded_length, shared_prefix

few_tokens = st.lists(st.integers(0, 1), min_size=1, max_size=SHORTEST_PREFIX + 9)


@given(st.lists(few_tokens, min_size=2, max_size=5), few_tokens)
def test_a_shared_prefix_is_shared_and_as_long_as_can_be(endings, beginning):
    prompts = [np.array(beginning + ending) for ending in endings]
    shared = shared_prefix(prompts)
    longest = min(map(len, prompts)) - 1
    alike = next((i for i in range(longest) if len({prompt[i] for prompt in prompts}) > 1), longest)
    assert shared == (alike if alike >= SHORTEST_PREFIX else 0)


def test_one_prompt_shares_nothing():
    assert shared_prefix([np.arange(500)]) == shared_prefix([]) == 0


@given(st.integers(1, LENGTHS[-1]))
def test_padding_is_short(tokens):
    length = padded_length(tokens)
    assert length in LENGTHS and tokens <= length
    assert length - tokens <= max(31, length // 4)
