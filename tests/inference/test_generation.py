"""Batched decoding writes what step-by-step decoding of each prompt alone would write."""

import collections
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.inference.beam import Beams
from flan_jax.inference.generation import Generator, Sampling, choose_token
from flan_jax.inference.scoring import QuestionError
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias, Rotary
from flan_jax.model.decoder import Execution
from flan_jax.model.inputs import Inputs

SIZE = {'vocab_size': 40, 'num_layers': 2, 'd_model': 16, 'num_heads': 2, 'head_dim': 8, 'd_ff': 32}
CONFIGS = {
    'relative': DecoderConfig(**SIZE, position=RelativeBias()),
    'rotary': DecoderConfig(**SIZE, position=Rotary()),
    'learned': DecoderConfig(**SIZE, position=Learned(100)),
}
EOS = 1
NEW = 12


def random_params(config):
    params = decoder.initialise(config, jax.random.key(0))
    keys = iter(jax.random.split(jax.random.key(1), len(params)))
    return {name: value + 0.5 * jax.random.normal(next(keys), value.shape) for name, value in params.items()}


def generator(config, **kwargs):
    return Generator(
        config, random_params(config), Execution(), eos_id=EOS, max_new_tokens=NEW, batch_tokens=400, **kwargs
    )


def naive_answer(config, params, prompt, length=96):
    """Runs the whole sequence again for every token, in a padded row so that one compilation serves all."""

    @jax.jit
    def next_token(tokens, count):
        positions = jnp.arange(length)[None]
        hidden = decoder.hidden_states(config, params, Inputs(tokens[None], positions, (positions < count).astype(int)))
        return jnp.argmax(decoder.logits(config, params, hidden[0, count - 1]))

    written, tokens = [], np.zeros(length, np.int32)
    tokens[: len(prompt)] = prompt
    while len(written) < NEW:
        token = int(next_token(tokens, len(prompt) + len(written)))
        if token == EOS:
            break
        tokens[len(prompt) + len(written)] = token
        written.append(token)
    return written


@pytest.mark.parametrize('name', CONFIGS)
def test_greedy_batches_equal_naive_decoding(name):
    config = CONFIGS[name]
    rng = np.random.default_rng(0)
    prompts = [rng.integers(2, 40, length) for length in (1, 3, 64, 17, 80, 5, 64, 2)]
    answers = generator(config).answer(prompts)
    expected = [naive_answer(config, random_params(config), prompt) for prompt in prompts]
    assert [answer.tolist() for answer in answers] == expected
    assert {len(answer) for answer in expected} != {NEW}, 'no answer ended by itself, so EOS was not tried'


@pytest.mark.parametrize('strategy', [Sampling(), Beams()], ids=str)
@pytest.mark.parametrize('name', CONFIGS)
def test_prompts_that_begin_alike_are_answered_alike(name, strategy):
    """The beginning of two is read once; of each alone it is read with the rest."""
    config = dataclasses.replace(CONFIGS[name], position=Learned(200)) if name == 'learned' else CONFIGS[name]
    rng = np.random.default_rng(0)
    prefix = rng.integers(2, 40, 70)
    prompts = [np.concatenate([prefix, rng.integers(2, 40, length)]) for length in (1, 9, 40)]
    answers = generator(config, strategy=strategy).answer(prompts)
    alone = [generator(config, strategy=strategy).answer([prompt])[0] for prompt in prompts]
    assert [answer.tolist() for answer in answers] == [answer.tolist() for answer in alone]


def test_prompts_that_do_not_fit_are_refused():
    with pytest.raises(QuestionError, match='a prompt of 89 tokens: it must have 1 to 88'):
        generator(CONFIGS['learned']).answer([np.ones(89, int)])
    with pytest.raises(QuestionError, match='a prompt of 0 tokens'):
        generator(CONFIGS['rotary']).answer([np.array([], int)])


def draws(sampling, logits, count=4000):
    keys = jax.random.split(jax.random.key(0), count)
    tokens = jax.vmap(lambda key: choose_token(logits[None], key, sampling)[0])(keys)
    return collections.Counter(np.asarray(tokens).tolist())


def test_sampling_follows_the_distribution():
    logits = jnp.log(jnp.array([0.5, 0.3, 0.15, 0.05]))
    assert set(draws(Sampling(), logits)) == {0}
    plain = draws(Sampling(temperature=1.0), logits)
    assert [plain[token] / 4000 for token in range(4)] == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.03)
    hot = draws(Sampling(temperature=2.0), logits)
    expected = np.sqrt([0.5, 0.3, 0.15, 0.05])
    assert [hot[token] / 4000 for token in range(4)] == pytest.approx(expected / expected.sum(), abs=0.03)
    assert set(draws(Sampling(temperature=1.0, top_k=2), logits)) == {0, 1}
    assert set(draws(Sampling(temperature=1.0, top_p=0.5), logits)) == {0}
    assert set(draws(Sampling(temperature=1.0, top_p=0.51), logits)) == {0, 1}


def test_sampling_is_by_seed():
    prompts = [np.array([5, 6, 7]), np.array([8])]
    hot = Sampling(temperature=1.0)
    first, again, other = (
        [answer.tolist() for answer in generator(CONFIGS['rotary'], strategy=hot, seed=seed).answer(prompts)]
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_impossible_sampling_is_refused():
    with pytest.raises(ValueError, match='temperature must be at least 0'):
        Sampling(temperature=-1.0)
    with pytest.raises(ValueError, match='top_p in'):
        Sampling(top_p=1.5)
