"""Answers that are streamed are those of whole batches, whatever was tuned and however many prompts there are."""

import jax
import numpy as np
import pytest

from flan_jax.errors import UserError
from flan_jax.inference.beam import Beams
from flan_jax.inference.generation import Generator
from flan_jax.inference.prefill import PromptError
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.sampling import Greedy, Sampling
from flan_jax.inference.streaming import Streamer
from flan_jax.model.decoder import PROMPT
from flan_jax.tuning.lora import Lora
from tests.inference.test_generation import CONFIGS, EOS, NEW, random_params
from tests.toy import loaded

CONFIG = CONFIGS['rotary']
PROMPTS = [np.random.default_rng(length).integers(2, 40, length) for length in (9, 3, 40, 17, 70)]


def tuned_params(tuning):
    params = random_params(CONFIG)
    if tuning == 'lora':
        lora = Lora(rank=2)
        fresh = lora.init(CONFIG, jax.random.key(1), params, lambda text: [])
        trained = {name: jax.random.normal(jax.random.key(2), value.shape) for name, value in fresh.items()}
        return lora.combine(params, trained)
    if tuning == 'prompt':
        return params | {PROMPT: jax.random.normal(jax.random.key(3), (3, CONFIG.d_model))}
    return params


def streamed(model, prompts, new, decoding, seed):
    answers = [[] for _ in prompts]
    streamer = Streamer(model, slots=NEW, batch_tokens=180, decoding=decoding)
    batches = 0
    for members, steps in streamer.stream(prompts, new, seed):
        batches += 1
        for step in steps:
            for place, index in enumerate(members):
                if not step.ended[place]:
                    answers[index].append(int(step.token[place]))
    return answers, batches


@pytest.mark.parametrize(('tuning', 'decoding'), [
    ('full', Greedy()), ('lora', Sampling(processors=(Temperature(1.5),))), ('prompt', Greedy()),
])  # fmt: skip
def test_tokens_are_those_of_whole_batches(tuning, decoding):
    model = loaded(CONFIG, tuned_params(tuning), EOS)
    whole = Generator(model, max_new_tokens=NEW, batch_tokens=180, decoding=decoding, seed=3).answer(PROMPTS)
    answers, batches = streamed(model, PROMPTS, NEW, decoding, 3)
    assert batches > 1 and answers == [answer.tolist() for answer in whole]
    if tuning == 'full':
        assert streamed(model, PROMPTS, 4, decoding, 3)[0] == [answer[:4] for answer in answers]


def test_what_cannot_be_streamed_is_refused():
    model = loaded(CONFIGS['learned'], random_params(CONFIGS['learned']), EOS)
    with pytest.raises(UserError, match='use greedy decoding or sampling'):
        Streamer(model, slots=NEW, batch_tokens=180, decoding=Beams(2))
    streamer = Streamer(model, slots=NEW, batch_tokens=180, decoding=Greedy())
    with pytest.raises(PromptError, match='a prompt of 97 tokens: it must have 1 to 96 before max_new_tokens=4'):
        list(streamer.stream([np.ones(97, np.int32)], 4))
    assert list(streamer.stream([np.ones(96, np.int32)], 4))
