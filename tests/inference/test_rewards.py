"""Responses that share their prompt's sequence are rated as if each had a sequence of its own."""

import jax
import numpy as np
import pytest

from flan_jax.errors import UserError
from flan_jax.inference.generation import Generator
from flan_jax.inference.prefill import PromptError
from flan_jax.inference.rewards import RewardModel
from flan_jax.inference.scoring import Scorer
from flan_jax.model import decoder
from flan_jax.model.inputs import Inputs
from flan_jax.model.value_head import VALUE_HEAD, init_value_head
from flan_jax.packing.example import Example
from tests.toy import CONFIGS, LENGTH, loaded, random_examples, random_params

CONFIG = CONFIGS['rotary']
BATCH_TOKENS = 256


def reward_model(config=CONFIG):
    return loaded(config, random_params(config) | init_value_head(config, jax.random.key(3)))


def naive(model, prompt, response):
    """The head's product with the last hidden state of a text alone."""
    tokens = np.concatenate([prompt, response])
    padded = np.pad(tokens, (0, 32 - len(tokens)))[None]
    inputs = Inputs(padded, np.arange(32)[None], (np.arange(32)[None] < len(tokens)).astype(np.int32))
    hidden = HIDDEN(model.config, model.params, inputs)
    return np.dot(hidden[0, len(tokens) - 1], model.params[VALUE_HEAD][:, 0])


HIDDEN = jax.jit(decoder.hidden_states, static_argnums=0)


@pytest.mark.parametrize('name', CONFIGS)
def test_trees_are_rated_as_texts_alone(name):
    model, examples = reward_model(CONFIGS[name]), random_examples(30, seed=8, responses=6)
    examples = [example for example in examples if len(example) <= LENGTH]  # positions that 'learned' has
    for example, found in zip(examples, RewardModel(model, BATCH_TOKENS).rewards(examples), strict=True):
        expected = [naive(model, example.prompt, response) for response in example.responses]
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_only_reward_models_rate_and_only_language_models_answer():
    language_model = loaded(CONFIG, random_params(CONFIG))
    with pytest.raises(UserError, match='no scalar head'):
        RewardModel(language_model, BATCH_TOKENS)
    for use in (
        lambda model: Scorer(model, BATCH_TOKENS),
        lambda model: Generator(model, max_new_tokens=4, batch_tokens=BATCH_TOKENS),
    ):
        use(language_model)
        with pytest.raises(UserError, match='reward model'):
            use(reward_model())


def test_what_cannot_be_rated_is_refused():
    model = RewardModel(reward_model(CONFIGS['learned']), BATCH_TOKENS)
    for prompt, responses in (([1], []), ([], [[1]]), ([1], [[1], []]), ([1] * LENGTH, [[1]])):
        with pytest.raises(PromptError):
            model.rewards([Example(np.array(prompt, int), tuple(np.array(r, int) for r in responses))])
    assert model.rewards([]) == []
