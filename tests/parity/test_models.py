"""Every family against transformers on random weights: logits, greedy continuations, and the way back."""

import jax
import jax.numpy as jnp
import numpy as np

from flan_jax.inference.generation import Generator
from flan_jax.model import decoder
from flan_jax.model.inputs import Inputs
from tests.parity.models import VOCAB_SIZE, torch
from tests.toy import loaded

TOLERANCE = 1e-4
LENGTHS = (40, 23, 1)


def random_rows():
    return [np.random.default_rng(length).integers(3, VOCAB_SIZE, length) for length in LENGTHS]


def our_logits(pair, tokens, positions, segments):
    arrays = map(jnp.asarray, (tokens, positions, segments))
    hidden = decoder.hidden_states(pair.config, pair.params, Inputs(*arrays))
    return np.asarray(decoder.logits(pair.config, pair.params, hidden))


def test_padded_rows(pair):
    """Padding on the right, masked in transformers and a segment of its own in ours."""
    rows = random_rows()
    real = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
    tokens = np.where(real, np.stack([np.resize(row, max(LENGTHS)) for row in rows]), 0)
    positions = np.broadcast_to(np.arange(max(LENGTHS)), tokens.shape)
    ours = our_logits(pair, tokens, positions, real.astype(np.int32))
    theirs = pair.their_logits(tokens, attention_mask=torch.tensor(real.astype(np.int64)))
    assert pair.note('padded', ours[real], theirs[real]) < TOLERANCE


def test_packed_rows(pair):
    """Three sequences in one row are three sequences alone."""
    rows = random_rows()
    ours = our_logits(
        pair,
        np.concatenate(rows)[None],
        np.concatenate([np.arange(length) for length in LENGTHS])[None],
        np.repeat([1, 2, 3], LENGTHS)[None],
    )
    theirs = np.concatenate([pair.their_logits(row[None])[0] for row in rows])
    assert pair.note('packed', ours[0], theirs) < TOLERANCE


def test_cached_steps(pair):
    """A prompt of 17 tokens at once, then one token after the other."""
    tokens = random_rows()[0][None]
    theirs = pair.their_logits(tokens)
    hidden, prefix = decoder.prefill(pair.config, pair.params, tokens[:, :17], np.array([17]))
    ours = decoder.logits(pair.config, pair.params, hidden)
    assert pair.note('cached', ours, theirs[:, :17]) < TOLERANCE
    cache = decoder.init_decode_cache(pair.config, prefix.end, tokens.shape[1] - 17)
    step = jax.jit(decoder.decode_step(pair.config, pair.params, [prefix]))
    for place in range(17, tokens.shape[1]):
        hidden, cache = step(tokens[:, place], cache)
        ours = decoder.logits(pair.config, pair.params, hidden)
        assert pair.note('cached', ours, theirs[:, place]) < TOLERANCE


def test_greedy_continuations(pair):
    """Prompts of unequal length, answered together in ours and one by one in transformers."""
    prompts, new = random_rows(), 48
    generator = Generator(loaded(pair.config, pair.params), max_new_tokens=new, batch_tokens=1024)
    pair.theirs.generation_config.eos_token_id = None
    for prompt, ours in zip(prompts, generator.answer(prompts)):
        theirs = pair.theirs.generate(
            torch.tensor(prompt[None]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=new,
            do_sample=False,
        )
        assert ours.tolist() == theirs[0, len(prompt) :].tolist()
        assert len(ours) == new
