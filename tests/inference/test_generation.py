"""Batched decoding writes what step-by-step decoding of each prompt alone would write."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.data.formats.flan import Flan
from flan_jax.inference.beam import Beams
from flan_jax.inference.generation import Generator
from flan_jax.inference.loaded import TokenIds
from flan_jax.inference.prefill import PromptError
from flan_jax.inference.processors.processor import LogitsProcessor
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.sampling import Greedy, Sampling
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias, Rotary
from flan_jax.model.inputs import Inputs
from tests import toy
from tests.toy import loaded

SIZE = {'vocab_size': 40, 'num_layers': 2, 'd_model': 16, 'num_heads': 2, 'head_dim': 8, 'd_ff': 32}
CONFIGS = {
    'relative': DecoderConfig(**SIZE, position=RelativeBias()),
    'rotary': DecoderConfig(**SIZE, position=Rotary()),
    'learned': DecoderConfig(**SIZE, position=Learned(100)),
}
EOS = 1
NEW = 12


def random_params(config):
    return toy.random_params(config, scale=0.5, seed=1)  # some answers end by themselves


def generator(config, **kwargs):
    return Generator(loaded(config, random_params(config), EOS), max_new_tokens=NEW, batch_tokens=400, **kwargs)


def naive_answer(config, params, prompt, length=96):
    """Runs the whole sequence again for every token, in a padded row so that one compilation serves all."""

    def next_token(tokens, count):
        places = np.arange(length)[None]
        inputs = Inputs(tokens[None], places, (places < count).astype(int))
        return np.asarray(toy.logits(config, params, inputs))[0, count - 1].argmax()

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


def test_an_answer_ends_where_the_prompt_format_says():
    """Chat formats end a turn with a token of their own, which need not be EOS."""

    class Ending(Flan):
        def end_id(self, vocabulary):
            return END

    config = CONFIGS['rotary']
    model = loaded(config, random_params(config), EOS)
    prompt = [np.arange(2, 9)]
    (whole,) = Generator(model, max_new_tokens=NEW, batch_tokens=400).answer(prompt)
    END = int(whole[len(whole) // 2])
    ending = dataclasses.replace(model, prompt_format=Ending())
    (answer,) = Generator(ending, max_new_tokens=NEW, batch_tokens=400).answer(prompt)
    assert answer.tolist() == whole[: whole.tolist().index(END)].tolist()


@pytest.mark.parametrize('decoding', [Greedy(), Beams()], ids=str)
@pytest.mark.parametrize('name', CONFIGS)
def test_prompts_that_begin_alike_are_answered_alike(name, decoding):
    """The beginning of two is read once; of each alone it is read with the rest."""
    config = dataclasses.replace(CONFIGS[name], position=Learned(200)) if name == 'learned' else CONFIGS[name]
    rng = np.random.default_rng(0)
    prefix = rng.integers(2, 40, 70)
    prompts = [np.concatenate([prefix, rng.integers(2, 40, length)]) for length in (1, 9, 40)]
    answers = generator(config, decoding=decoding).answer(prompts)
    one = generator(config, decoding=decoding)
    alone = [one.answer([prompt])[0] for prompt in prompts]
    assert [answer.tolist() for answer in answers] == [answer.tolist() for answer in alone]


def test_prompts_that_do_not_fit_are_refused():
    with pytest.raises(PromptError, match='a prompt of 89 tokens: it must have 1 to 88'):
        generator(CONFIGS['learned']).answer([np.ones(89, int)])
    with pytest.raises(PromptError, match='a prompt of 0 tokens'):
        generator(CONFIGS['rotary']).answer([np.array([], int)])


def test_sampling_is_by_seed():
    prompts = [np.array([5, 6, 7]), np.array([8])]
    hot = Sampling(processors=(Temperature(1.0),))
    first, again, other = (
        [answer.tolist() for answer in generator(CONFIGS['rotary'], decoding=hot, seed=seed).answer(prompts)]
        for seed in (0, 0, 1)
    )
    assert first == again != other


@dataclasses.dataclass(frozen=True)
class NoRepetition(LogitsProcessor):
    """Every token at most once, and never an end before the answer has `shortest` tokens."""

    shortest: int

    def __call__(self, logits_BxV, generated):
        batch, new = generated.tokens.shape
        real = jnp.arange(new) < generated.count
        tokens = jnp.where(real, generated.tokens, logits_BxV.shape[-1])  # what lies beyond the array is dropped
        logits_BxV = logits_BxV.at[jnp.arange(batch)[:, None], tokens].set(-jnp.inf, mode='drop')
        return logits_BxV.at[:, EOS].set(jnp.where(generated.count < self.shortest, -jnp.inf, logits_BxV[:, EOS]))


@pytest.mark.parametrize('decoding', [Greedy, Sampling, Beams])
def test_a_processor_sees_what_each_answer_holds_so_far(decoding):
    rng = np.random.default_rng(0)
    prompts = [rng.integers(2, 40, length) for length in (1, 3, 64, 17, 80, 5)]
    rule = NoRepetition(shortest=7)
    answers = [
        answer.tolist()
        for answer in generator(CONFIGS['rotary'], decoding=decoding(processors=(rule,))).answer(prompts)
    ]
    plain = [answer.tolist() for answer in generator(CONFIGS['rotary'], decoding=decoding()).answer(prompts)]
    assert all(len(set(answer)) == len(answer) >= 7 for answer in answers)
    assert any(len(set(answer)) < len(answer) for answer in plain), 'nothing repeats itself, so the rule was not tried'


@pytest.mark.parametrize('decoding', [Greedy(), Sampling(), Beams()], ids=str)
def test_ids_beyond_the_vocabulary_are_never_generated(decoding):
    """Models are padded to a multiple; here all that is likely lies in the padding."""
    config = dataclasses.replace(CONFIGS['rotary'], tied_embedding=False)
    params = random_params(config)
    params['unembedding/kernel'] = params['unembedding/kernel'].at[:, 30:].multiply(20.0)
    prompts = [np.arange(2, 12), np.array([5])]

    def answers(size):
        model = dataclasses.replace(loaded(config, params), vocabulary=TokenIds(size, EOS))
        found = Generator(model, max_new_tokens=NEW, batch_tokens=400, decoding=decoding).answer(prompts)
        return np.concatenate(found)

    assert answers(40).max() >= 30
    assert answers(30).max() < 30


def test_calls_of_other_numbers_draw_other_answers_and_copies_are_drawn_each_for_itself():
    config = CONFIGS['rotary']
    sampler = generator(config, decoding=Sampling(), seed=1)
    prompts = [np.arange(2, 9)] * 6
    first, second, other = ([answer.tolist() for answer in sampler.answer(prompts, call=call)] for call in (0, 0, 1))
    assert first == second != other and len(set(map(tuple, first))) > 3


def test_other_weights_are_read_without_another_generator():
    config = CONFIGS['rotary']
    prompts = [np.arange(2, 9 + length) for length in range(80, 83)]  # their beginning is prefilled once
    others = {name: value[::-1] if name == 'embedding' else value for name, value in random_params(config).items()}
    expected = Generator(loaded(config, others, EOS), max_new_tokens=NEW, batch_tokens=400).answer(prompts)
    first = generator(config)
    before = [answer.tolist() for answer in first.answer(prompts)]
    found = [answer.tolist() for answer in first.with_params(others).answer(prompts)]
    assert found == [answer.tolist() for answer in expected] != before
    assert [answer.tolist() for answer in first.answer(prompts)] == before


def test_longer_texts_than_the_model_was_trained_on_are_answered_with_one_warning(capsys):
    prompt = np.arange(2, 12)
    for trained, said in ((len(prompt) + NEW, 0), (len(prompt) + NEW - 1, 1)):
        config = dataclasses.replace(CONFIGS['rotary'], position=Rotary(trained_length=trained))
        model = generator(config)
        answers = [model.answer([prompt])[0].tolist() for _ in range(2)]
        assert answers == [generator(CONFIGS['rotary']).answer([prompt])[0].tolist()] * 2
        assert capsys.readouterr().err.count(f'longer than the {trained} tokens') == said
