"""Response ranking on models of which it is known how often they rank their own response first."""

import numpy as np
import pytest

from flan_jax.errors import UserError
from flan_jax.evaluation.response_ranking import difference, drawn, rank, share
from flan_jax.inference.scoring import Scorer
from tests import toy

EOS, WORDS = 1, 400


class Bigram:
    """A bigram model over tokens: `log_probs[a, b]` is that of b after a."""

    def __init__(self, log_probs):
        self.log_probs = log_probs

    def score(self, examples, progress):
        progress(len(examples))
        return [[self._score(example.prompt[-1], response) for response in example.responses] for example in examples]

    def _score(self, last, response):
        return np.array([self.log_probs[a, b] for a, b in zip([last, *response], response)])


def pairs(count=150, seed=0):
    """Instructions of one word; the response begins with the same word."""
    rng = np.random.default_rng(seed)
    prompts = [np.array([2 + i]) for i in range(count)]
    return prompts, [np.array([2 + i, *rng.integers(2, WORDS, rng.integers(1, 6)), EOS]) for i in range(count)]


def oracle():
    """After an instruction comes its own word."""
    return Bigram(np.where(np.eye(WORDS) > 0, -0.1, -8.0))


@pytest.mark.parametrize('score', ['mean', 'sum'])
def test_an_oracle_ranks_every_own_response_first(score):
    prompts, responses = pairs()
    equally_long = [response[:2] for response in responses]
    found = share(rank(oracle(), prompts, equally_long), score)
    assert found.per_cent == 100 and found.interval == (100, 100) and found.ties == 0


@pytest.mark.parametrize('score', ['mean', 'sum'])
def test_a_model_that_does_not_read_instructions_is_right_half_of_the_time(score):
    rng = np.random.default_rng(1)
    log_probs = np.tile(np.log(rng.dirichlet(np.ones(WORDS))), (WORDS, 1))
    prompts, responses = pairs(380)
    found = share(rank(Bigram(log_probs), prompts, responses), score)
    assert found.interval[0] < 50 < found.interval[1] and abs(found.per_cent - 50) < 4


def test_the_known_share_of_a_model_that_knows_some_instructions():
    """After the first half of the instructions it is the oracle; after the others the own word is impossible."""
    prompts, responses = pairs(100)
    log_probs = oracle().log_probs.copy()
    log_probs[52:, :] = -8.0
    log_probs[range(52, WORDS), range(52, WORDS)] = -20.0
    records = rank(Bigram(log_probs), prompts, [response[:1] for response in responses])
    known = [index != r['example'] for r in records[:50] for index in r['drawn']]
    of = [index != r['example'] for r in records for index in r['drawn']]
    assert share(records).per_cent == pytest.approx(100 * sum(known) / sum(of))


def test_equal_texts_tie_and_do_not_hold_and_the_own_response_does_not_count():
    prompts, _ = pairs(20)
    records = rank(oracle(), prompts, [np.array([5, EOS])] * 20)
    own = sum(index == record['example'] for record in records for index in record['drawn'])
    found = share(records)
    assert own > 0 and (found.per_cent, found.comparisons, found.ties) == (0, 100 - own, 100 - own)


def test_scores_by_token_and_in_sum_differ_as_they_should():
    """A long response whose tokens are all likely loses in sum to a short one, and wins by token."""
    records = [{'example': 0, 'drawn': [1], 'log_likelihoods': [-6.0, -4.0], 'tokens': [12, 2]}]
    assert share(records, 'mean').per_cent == 100 and share(records, 'sum').per_cent == 0


def test_draws_are_those_of_the_authors_seed_and_their_number():
    assert drawn(1000)[0] == [864, 394, 776, 911, 430]  # random.seed(0); random.randint(0, 999), five times
    assert [len(them) for them in drawn(7, others=3)] == [3] * 7


def test_a_models_trees_give_what_each_pair_gives_alone():
    config = toy.CONFIGS['rotary']
    scorer = Scorer(toy.loaded(config, toy.random_params(config)), batch_tokens=512)
    rng = np.random.default_rng(0)
    prompts, responses = (
        [rng.integers(1, toy.VOCABULARY, rng.integers(2, 9)).astype(np.int32) for _ in range(6)] for _ in range(2)
    )
    records = rank(scorer, prompts, responses, max_length=12)
    for record, prompt in zip(records, prompts):
        for index, value, tokens in zip(
            [record['example'], *record['drawn']], record['log_likelihoods'], record['tokens']
        ):
            (alone,) = rank(scorer, [prompt], [responses[index]], others=0, max_length=12)
            assert value == pytest.approx(alone['log_likelihoods'][0], abs=1e-4) and tokens == alone['tokens'][0]


def test_a_model_differs_from_itself_by_nothing_and_from_the_oracle_by_what_it_misses():
    prompts, responses = pairs(60)
    responses = [response[:2] for response in responses]
    blind = rank(Bigram(np.full((WORDS, WORDS), -1.0)), prompts, responses)
    sighted = rank(oracle(), prompts, responses)
    assert difference(sighted, sighted) == (0, 0, 0) and difference(blind, sighted)[0] == 100
    with pytest.raises(ValueError, match='different random samples'):
        difference(sighted, rank(oracle(), prompts, responses, seed=1))


def test_an_instruction_that_leaves_no_tokens_for_a_response_is_refused():
    with pytest.raises(UserError, match='of 9 tokens leaves no room'):
        rank(oracle(), [np.ones(9, int)], [np.ones(2, int)], max_length=9)
