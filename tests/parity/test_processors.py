"""Logits processors against transformers' warpers, alone and in the order in which transformers applies them."""

import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.inference.processors.processor import Generated, process
from flan_jax.inference.processors.repetition_penalty import RepetitionPenalty
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.processors.top_k import TopK
from flan_jax.inference.processors.top_p import TopP
from tests.parity.models import torch, transformers

THEIRS = {
    Temperature: transformers.TemperatureLogitsWarper,
    TopK: transformers.TopKLogitsWarper,
    TopP: transformers.TopPLogitsWarper,
}

CHAINS = [
    [Temperature(0.7)],
    [Temperature(3.0)],
    [TopK(1)],
    [TopK(40)],
    [TopK(5000)],
    [TopP(0.05)],
    [TopP(0.9)],
    [TopP(0.999)],
    [Temperature(1.5), TopK(50), TopP(0.8)],
]


@pytest.mark.parametrize('chain', CHAINS, ids=str)
def test_chains_equal_those_of_transformers(chain):
    logits = np.random.default_rng(0).normal(0, 3, (16, 1000)).astype(np.float32)
    nothing = jnp.zeros((16, 0), int)
    ours = process(chain, jnp.asarray(logits), Generated(nothing, jnp.zeros((), int), nothing))
    theirs = torch.tensor(logits)
    for processor in chain:
        (value,) = vars(processor).values()
        theirs = THEIRS[type(processor)](value)(None, theirs)
    np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-6)


def test_the_repetition_penalty_is_that_of_transformers():
    rng = np.random.default_rng(0)
    logits, tokens = rng.normal(0, 3, (4, 50)).astype(np.float32), rng.integers(0, 50, (4, 9))
    generated = Generated(jnp.asarray(tokens[:, 5:]), jnp.array(4), jnp.asarray(tokens[:, :5]))
    theirs = transformers.RepetitionPenaltyLogitsProcessor(1.2)(torch.tensor(tokens), torch.tensor(logits))
    np.testing.assert_allclose(RepetitionPenalty(1.2)(jnp.asarray(logits), generated), theirs.numpy(), rtol=1e-6)
