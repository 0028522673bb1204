"""Beam search finds what a plain search over the whole sequence finds, and everything where it is wide enough."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.inference.beam import Beams
from flan_jax.inference.generation import Generator
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.model.inputs import Inputs
from flan_jax.settings import SettingsError
from tests.toy import loaded, random_params

EOS = 1
CONFIG = DecoderConfig(
    vocab_size=5, num_layers=2, d_model=16, num_heads=2, head_dim=8, d_ff=32, position=Rotary(), tied_embedding=False
)


@pytest.fixture(scope='module')
def params():
    return random_params(CONFIG, scale=0.5)


@pytest.fixture(scope='module')
def log_probabilities(params):
    """Of the next token after a text, by running all of the text."""
    length = 24

    @jax.jit
    def run(tokens, count):
        positions = jnp.arange(length)[None]
        hidden = decoder.hidden_states(CONFIG, params, Inputs(tokens[None], positions, (positions < count).astype(int)))
        return jax.nn.log_softmax(decoder.logits(CONFIG, params, hidden[0, count - 1]))

    return lambda text: np.asarray(run(np.pad(text, (0, length - len(text))), len(text)))


def answer(params, prompts, beams, new):
    generator = Generator(loaded(CONFIG, params, EOS), max_new_tokens=new, batch_tokens=1000, decoding=beams)
    return [tokens.tolist() for tokens in generator.answer(prompts)]


def naive_beam_search(log_probabilities, prompt, beams, new):
    """Keeps lists of token lists; nothing is batched, cached or stopped early."""
    open_beams, ended = [(0.0, [])], []
    for length in range(1, new + 1):
        extended = [
            (score + float(value), [*written, token])
            for score, written in open_beams
            for token, value in enumerate(log_probabilities(np.concatenate([prompt, written]).astype(int)))
        ]
        best = sorted(extended, key=lambda beam: -beam[0])[: 2 * beams.width]
        ended += [(score / beams.penalty(length), written[:-1]) for score, written in best if written[-1] == EOS]
        open_beams = [beam for beam in best if beam[1][-1] != EOS][: beams.width]
    return max(ended)[1] if ended else open_beams[0][1]


@pytest.mark.parametrize('beams', [Beams(1, 0.0), Beams(4), Beams(3, 1.0), Beams(2, 2.0)], ids=str)
def test_batches_equal_the_naive_search(params, log_probabilities, beams):
    random = np.random.default_rng(0)
    prompts = [random.integers(2, 5, length) for length in (1, 3, 7, 12, 2, 5)]
    expected = [naive_beam_search(log_probabilities, prompt, beams, 8) for prompt in prompts]
    assert answer(params, prompts, beams, 8) == expected
    assert len({len(tokens) for tokens in expected}) > 1, 'all answers are equally long, so endings were not tried'


def test_a_beam_as_wide_as_the_space_finds_the_best_of_all_answers(params, log_probabilities):
    new, beams, prompt = 3, Beams(4**3, 0.6), np.array([2, 4, 3])
    scores = {}
    for length in range(1, new + 1):
        for written in itertools.product([0, 2, 3, 4], repeat=length - 1):
            total, text = 0.0, list(prompt)
            for token in (*written, EOS):
                total += log_probabilities(np.array(text))[token]
                text.append(token)
            scores[written] = total / beams.penalty(length)
    assert answer(params, [prompt], beams, new) == [list(max(scores, key=scores.get))]


def test_impossible_beams_are_refused():
    with pytest.raises(SettingsError, match='Beams.width=0'):
        Beams(0)
    with pytest.raises(SettingsError, match='Beams.length_penalty=-1'):
        Beams(4, -1)
