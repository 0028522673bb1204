"""Options that share their prompt's row score as if each had a row of its own."""

import dataclasses
import functools

import jax
import numpy as np
import pytest

from flan_jax.inference.prefill import PromptError
from flan_jax.inference.scoring import Scorer
from flan_jax.model import decoder
from flan_jax.model.config import DecoderConfig, Learned, RelativeBias, Rotary
from flan_jax.model.inputs import Inputs
from flan_jax.packing.example import Example
from tests.toy import loaded, random_params

SIZE = {'vocab_size': 97, 'num_layers': 2, 'd_model': 32, 'num_heads': 4, 'head_dim': 8, 'd_ff': 64}
CONFIGS = {
    'relative': DecoderConfig(**SIZE, position=RelativeBias()),
    'rotary': DecoderConfig(**SIZE, position=Rotary(), num_kv_heads=2),
    'learned': DecoderConfig(**SIZE, position=Learned(2048), norm='layer'),
}


def naive_scores(config, params, question):
    """One row per option, nothing shared, padded to one of three lengths."""
    return [_naive_option(config, params, question.prompt, option) for option in question.responses]


def _naive_option(config, params, prompt, option):
    row = np.concatenate([prompt, option])
    length = next(length for length in (128, 512, 1280) if length >= len(row))
    tokens, segments = np.zeros((2, length), np.int32)
    tokens[: len(row)], segments[: len(row)] = row, 1
    log_probabilities = np.asarray(_naive_row(config, params, tokens, segments))[0]
    return log_probabilities[len(prompt) - 1 + np.arange(len(option)), option]


# Optimised, unlike what other tests compile: it runs a hundred times for each program.
@functools.partial(jax.jit, static_argnums=0, compiler_options={'xla_backend_optimization_level': 3})
def _naive_row(config, params, tokens, segments):
    positions = np.arange(len(tokens))[None]
    hidden = decoder.hidden_states(config, params, Inputs(tokens[None], positions, segments[None]))
    return jax.nn.log_softmax(decoder.logits(config, params, hidden))


def ragged_questions(rng):
    """1 to 30 options of 1 to 100 tokens after prompts of 1 to 1,000: extremes, and some shorter ones at random."""
    shapes = [(1, [1]), (1, [3, 1]), (17, [1, 1, 1]), (40, [100, 2]), (300, [8] * 4), (1000, [5, 90]), (60, [3] * 30)]
    for _ in range(4):
        options = rng.integers(1, 31)
        shapes.append((rng.integers(1, 331), rng.integers(1, rng.choice([2, 10, 31]), options).tolist()))
    draw = functools.partial(rng.integers, 1, 97)
    return [Example(draw(prompt), tuple(map(draw, options))) for prompt, options in shapes]


@pytest.mark.parametrize('name', CONFIGS)
def test_shared_prompt_equals_naive(name):
    config = CONFIGS[name]
    params = random_params(config)
    questions = ragged_questions(np.random.default_rng(0))
    scored = Scorer(loaded(config, params), batch_tokens=2048).score(questions)
    for question, scores in zip(questions, scored):
        for ours, naive in zip(scores, naive_scores(config, params, question)):
            np.testing.assert_allclose(ours, naive, atol=1e-5)


@pytest.mark.parametrize('name', CONFIGS)
def test_what_all_prompts_begin_with_is_computed_once_and_scores_alike(name, monkeypatch):
    config, rng = CONFIGS[name], np.random.default_rng(0)
    prefix, read = rng.integers(1, 97, 150), []
    questions = [
        Example(np.concatenate([prefix, question.prompt]), question.responses) for question in ragged_questions(rng)
    ]
    scorer = Scorer(loaded(config, random_params(config)), batch_tokens=2048)
    read_prefix = scorer._prefixes.prefill
    monkeypatch.setattr(scorer._prefixes, 'prefill', lambda tokens: read.append(len(tokens)) or read_prefix(tokens))
    scored = scorer.score(questions)
    assert read == [150]
    for question, scores in zip(questions, scored):
        for ours, naive in zip(scores, naive_scores(config, random_params(config), question)):
            np.testing.assert_allclose(ours, naive, atol=1e-5)


def test_duplicated_options_score_alike():
    config = CONFIGS['relative']
    option = np.array([5, 6, 7])
    question = Example(np.array([1, 2, 3]), (option, np.array([8]), option))
    scores = Scorer(loaded(config, random_params(config)), batch_tokens=512).score([question])[0]
    np.testing.assert_allclose(scores[0], scores[2], atol=1e-6)


def test_questions_that_cannot_be_asked_are_refused():
    scorer = Scorer(loaded(CONFIGS['learned'], random_params(CONFIGS['learned'])), batch_tokens=512)
    with pytest.raises(PromptError, match='must not be empty'):
        scorer.score([Example(np.array([1]), ())])
    with pytest.raises(PromptError, match='may have 2048'):
        scorer.score([Example(np.ones(2048, int), (np.array([1, 2]),))])


def test_longer_texts_than_the_model_was_trained_on_are_scored_with_a_warning(capsys):
    """By the longest path, not by all that shares a row."""
    question = Example(np.arange(1, 11), (np.arange(1, 6),) * 3)
    config = dataclasses.replace(CONFIGS['rotary'], position=Rotary(trained_length=14))
    params = random_params(config)
    Scorer(loaded(config, params), batch_tokens=256).score([question])
    assert not capsys.readouterr().err
    longer = Example(np.arange(1, 12), question.responses)
    (scores,) = Scorer(loaded(config, params), batch_tokens=256).score([longer])
    np.testing.assert_allclose(np.stack(scores), np.stack(naive_scores(config, params, longer)), atol=1e-4)
    assert 'longer than the 14 tokens' in capsys.readouterr().err
