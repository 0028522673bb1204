"""Processors leave the distributions that a plain implementation in NumPy leaves."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.inference.processors.processor import Generated, process
from flan_jax.inference.processors.temperature import Temperature
from flan_jax.inference.processors.top_k import TopK
from flan_jax.inference.processors.top_p import TopP
from flan_jax.inference.processors.vocabulary_mask import VocabularyMask
from flan_jax.inference.sampling import Sampling
from flan_jax.settings import SettingsError

NOTHING_YET = Generated(jnp.zeros((1, 0), int), jnp.zeros((), int), jnp.zeros((1, 0), int))

ROWS = np.random.default_rng(0).normal(0, 3, (50, 12)).astype(np.float32)


def possible(processor, logits) -> list[set[int]]:
    """The tokens of every row that a processor leaves possible; their logits must not change."""
    logits = np.array(logits, np.float32)
    left = np.asarray(processor(jnp.asarray(logits), NOTHING_YET))
    kept = np.isfinite(left)
    np.testing.assert_array_equal(left[kept], logits[kept])
    return [set(np.flatnonzero(row).tolist()) for row in kept]


@pytest.mark.parametrize('k', [1, 2, 5, 11, 12, 20])
def test_top_k_keeps_the_likeliest(k):
    assert possible(TopK(k), ROWS) == [set(np.argsort(-row)[:k].tolist()) for row in ROWS]


@pytest.mark.parametrize('p', [0.001, 0.1, 0.5, 0.9, 0.999, 1.0])
def test_top_p_keeps_the_fewest_that_have_the_probability(p):
    expected = []
    for row in ROWS.astype(np.float64):
        order = np.argsort(-row)
        sums = np.cumsum(np.exp(row[order]) / np.exp(row).sum())
        expected.append(set(order[: 1 + int((sums < p - 1e-12).sum())].tolist()))
    assert possible(TopP(p), ROWS) == expected


def test_tokens_as_likely_as_the_last_one_stay():
    assert possible(TopK(2), [[1.0, 0.0, 1.0, 1.0]]) == [{0, 2, 3}]
    assert possible(TopP(0.5), [[1.0, 0.0, 1.0, 1.0]]) == [{0, 2, 3}]


def test_the_vocabulary_ends_before_the_padding():
    assert possible(VocabularyMask(3), [[0.0, 1.0, 2.0, 9.0, 9.0]]) == [{0, 1, 2}]
    assert possible(VocabularyMask(7), [[0.0, 1.0, 2.0]]) == [{0, 1, 2}]


def sampled(processors, logits, count=4000):
    """Shares of the tokens among many samples."""
    rows = jnp.broadcast_to(logits, (count, len(logits)))
    rows = process(processors, rows, NOTHING_YET)
    return np.bincount(Sampling(processors=processors).choose(rows, jax.random.key(0)), minlength=len(logits)) / count


@pytest.mark.parametrize(
    ('processors', 'expected'),
    [
        ((), [0.5, 0.3, 0.15, 0.05]),
        ((Temperature(1.0),), [0.5, 0.3, 0.15, 0.05]),
        ((Temperature(2.0),), np.sqrt([0.5, 0.3, 0.15, 0.05])),
        ((TopK(2),), [0.5, 0.3, 0, 0]),
        ((Temperature(2.0), TopK(2)), [*np.sqrt([0.5, 0.3]), 0, 0]),
        ((TopP(0.5),), [1, 0, 0, 0]),
        ((TopP(0.51),), [0.5, 0.3, 0, 0]),
        ((Temperature(0.5), TopP(0.8)), [0.25, 0.09, 0, 0]),
        ((VocabularyMask(3), TopK(3), TopP(0.9)), [0.5, 0.3, 0.15, 0]),
    ],
    ids=str,
)
def test_samples_follow_the_distribution_that_a_chain_leaves(processors, expected):
    found = sampled(processors, jnp.log(jnp.array([0.5, 0.3, 0.15, 0.05])))
    np.testing.assert_allclose(found, np.array(expected) / np.sum(expected), atol=0.03)
    assert not found[np.array(expected) == 0].any()


@pytest.mark.parametrize(
    ('processor', 'value', 'named'),
    [
        (Temperature, 0.0, 'Temperature.value=0.0: must be a number above 0'),
        (Temperature, -1.0, 'Temperature.value=-1.0: must be'),
        (Temperature, float('nan'), 'Temperature.value=nan: must be'),
        (TopK, 0, 'TopK.k=0: must be an integer of at least 1'),
        (TopK, 1.5, 'TopK.k=1.5: must be'),
        (TopP, 0.0, 'TopP.p=0.0: must be above 0 and at most 1'),
        (TopP, 1.5, 'TopP.p=1.5: must be'),
    ],
)
def test_impossible_settings_are_refused_with_what_is_allowed(processor, value, named):
    with pytest.raises(SettingsError, match=re.escape(named)):
        processor(value)
