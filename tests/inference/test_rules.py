"""The rule adapter is the product of experts that Hewitt et al. 2024 (section 5.2) describe, with their scores."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.data.formats.plain import Plain
from flan_jax.data.formats.tulu import Tulu
from flan_jax.errors import UserError
from flan_jax.inference.beam import Beams
from flan_jax.inference.generation import Generator
from flan_jax.inference.processors.diversity import Diversity
from flan_jax.inference.processors.eos_ramp import EosRamp
from flan_jax.inference.processors.processor import NO_TOKEN, Generated, process
from flan_jax.inference.processors.repetition_penalty import RepetitionPenalty
from flan_jax.inference.processors.token_scores import PAPER, IdScores, TokenScores
from flan_jax.inference.sampling import Greedy
from flan_jax.model.config import DecoderConfig, Rotary
from flan_jax.settings import SettingsError
from flan_jax.tokenizers.vocabulary import Vocabulary
from tests import toy

LLAMA_2 = (29966, 529, 29989, 306, 29902, 1334, 5618, 881, 334, 448, 1678, 396, 444, 13, 29991)
"""Ids of the fifteen texts in Llama 2's vocabulary."""

V, EOS = 40, 1
RULES = (IdScores((3, 4, 5), (-4.0, -6.0, 1.0)), EosRamp(eos_id=EOS), Diversity(first=1))


def generated(answers, prompts=((),), count=None):
    """Answers so far, each after its prompt."""
    width = max(map(len, prompts))
    padded = np.array([[*prompt, *[NO_TOKEN] * (width - len(prompt))] for prompt in prompts], int)
    count = len(answers[0]) if count is None else count
    return Generated(jnp.asarray(answers, int).reshape(len(answers), -1), jnp.array(count), jnp.asarray(padded))


def biases(rule, *args, **kwargs):
    """A rule's scores of every answer, [B, V]."""
    found = generated(*args, **kwargs)
    return np.broadcast_to(rule.bias(V, found), (len(found.tokens), V))


def test_a_chain_of_rules_is_the_product_of_model_and_rules():
    logits = jnp.asarray(np.random.default_rng(0).normal(0, 3, (2, V)), jnp.float32)
    so_far = generated([[7, 8, 7], [9, 3, 2]], [[2, 5, 6], [2, 9]])
    rules = sum(rule.bias(V, so_far) for rule in RULES)
    product = jax.nn.softmax(logits) * jax.nn.softmax(rules)
    adapted = jax.nn.softmax(process(RULES, logits, so_far))
    np.testing.assert_allclose(adapted, product / product.sum(axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize('kept', [c for n in (1, 2, 3) for c in itertools.combinations(RULES, n)], ids=len)
def test_ablations_are_sums_of_the_rules_that_are_left(kept):
    so_far = generated([[7, 8]], [[2, 5]])
    changed = process(kept, jnp.zeros((1, V)), so_far)
    np.testing.assert_allclose(changed, sum(np.broadcast_to(rule.bias(V, so_far), (1, V)) for rule in kept), atol=1e-6)


def test_the_token_scores_are_the_papers():
    bias = np.asarray(IdScores(LLAMA_2, tuple(PAPER.values())).bias(32000, generated([[]])))
    assert set(np.flatnonzero(bias)) == set(LLAMA_2)
    assert bias.sum() == -29
    assert (bias[5618], bias[881], bias[1334], bias[13]) == (-5, -6, -3, 1)


@pytest.mark.parametrize(('count', 'score'), [(0, 0), (1, 0.06), (125, 7.5), (249, 14.94), (250, 0), (1025, 0)])
def test_the_end_becomes_likelier_until_the_250th_token(count, score):
    bias = biases(EosRamp(eos_id=EOS), [[]], count=count)[0]
    assert bias[EOS] == pytest.approx(score) and not np.delete(bias, EOS).any()


def test_what_follows_the_ramp_is_an_option():
    scores = {beyond: [float(EosRamp(beyond=beyond).score(n)) for n in (249, 250, 1024, 1025)] for beyond in BEYOND}
    assert scores == {name: pytest.approx([14.94, *after]) for name, after in BEYOND.items()}


BEYOND = {'nothing': (0, 0, 0), 'listing': (0, 0, 100), 'weight': (15, 15, 15)}


def test_diversity_lowers_every_token_that_occurred_once():
    rng = np.random.default_rng(0)
    answer, prompt = rng.integers(2, 20, 12), [2, 30, 31, 30]
    bias = biases(Diversity(first=1), [answer], [prompt])[0]
    assert set(np.flatnonzero(bias)) == {*answer, 30, 31} and set(bias[bias != 0]) == {-1.5}
    shuffled = biases(Diversity(first=1), [rng.permutation([*answer, *answer])], [[2, 31, 30]])[0]
    np.testing.assert_array_equal(bias, shuffled)


def test_diversity_counts_from_the_given_token():
    answers, prompts = [[7, 8, 0], [9, 9, 0]], [[2, 5, EOS], [2, 6]]
    found = {
        name: [set(np.flatnonzero(row).tolist()) for row in biases(rule, answers, prompts, count=2)]
        for name, rule in {
            'instruction': Diversity(first=1),
            'all': Diversity(),
            'answer': Diversity(since='answer'),
            'without eos': Diversity(spares_eos=True, eos_id=EOS),
        }.items()
    }
    assert found == {
        'instruction': [{5, EOS, 7, 8}, {6, 9}],
        'all': [{2, 5, EOS, 7, 8}, {2, 6, 9}],
        'answer': [{7, 8}, {9}],
        'without eos': [{2, 5, 7, 8}, {2, 6, 9}],
    }


@pytest.fixture(scope='module')
def model():
    """A uniform model with the bundled vocabulary, prompted in Tulu's format."""
    config = DecoderConfig(vocab_size=4096, num_layers=1, d_model=8, num_heads=1, head_dim=8, d_ff=8, position=Rotary())
    params = {name: 0 * value for name, value in toy.random_params(config).items()}
    return dataclasses.replace(toy.loaded(config, params), vocabulary=Vocabulary(), prompt_format=Tulu())


def test_texts_become_the_tokens_that_say_them_inside_a_text(model):
    texts = ('I', ' I', ' We', 'What', ' should', '\n', '!', ' *')
    ids = TokenScores(texts, (1.0,) * len(texts)).of_model(model).ids
    start = model.vocabulary.encode_continuation('a')
    assert [model.vocabulary.decode_all([*start, i]) for i in ids] == [f'a{text}' for text in texts]
    assert len(set(ids)) == len(texts)


def test_texts_that_are_no_token_are_refused_all_at_once(model):
    with pytest.raises(UserError) as refused:
        TokenScores().of_model(model)
    assert "no token for ' <'" in str(refused.value) and "no token for ' ##'" in str(refused.value)
    assert 'TokenScores.texts' in str(refused.value)


def test_two_tokens_that_say_the_same_are_refused():
    vocabulary = Vocabulary()
    vocabulary._ids_by_text['ab'] = [700, 800]
    with pytest.raises(UserError, match=r"several tokens \(700, 800\) for 'ab'"):
        vocabulary.token_id('ab')


@pytest.mark.parametrize(
    'make',
    [lambda: TokenScores(('a',), (1.0, 2.0)), lambda: TokenScores(('a', 'a'), (1.0, 2.0)), lambda: IdScores((1,), ())],
)
def test_scores_that_do_not_fit_are_refused(make):
    with pytest.raises(SettingsError, match='one score per entry'):
        make()


@pytest.mark.parametrize('prompt_format', [Tulu(), Plain()], ids=str)
def test_text_before_the_instruction_is_ignored(model, prompt_format):
    model = dataclasses.replace(model, prompt_format=prompt_format)
    prompt = prompt_format.encode_prompt(model.vocabulary, 'Name a fruit.')
    counted = prompt[Diversity().of_model(model).first :]
    assert (
        model.vocabulary.decode_all(counted).lstrip()
        == model.vocabulary.decode_all(prompt).removeprefix(getattr(prompt_format, 'user', '') + '\n').lstrip()
    )


def test_a_uniform_model_stops_before_250_tokens(model):
    prompts = [np.array(model.prompt_format.encode_prompt(model.vocabulary, text)) for text in ('Name a fruit.', 'Hi')]
    rules = (TokenScores(('I', '\n'), (-5.0, 1.0)), EosRamp(), Diversity())
    generator = Generator(model, max_new_tokens=300, batch_tokens=2000, decoding=Greedy(processors=rules))
    answers = generator.answer(prompts)
    assert all(0 < len(answer) < 250 for answer in answers)


CONFIG = toy.CONFIGS['rotary']


@pytest.mark.parametrize(
    'decoding',
    [Greedy(processors=(RepetitionPenalty(1.7),)), Beams(2, processors=(Diversity(first=2),))],
    ids=['greedy', 'beams'],
)
def test_every_answer_sees_its_own_prompt_in_batches(decoding):
    """Alone there is neither padding nor a shared prefix, and nothing to confuse prompts with."""
    params = toy.random_params(CONFIG, scale=0.5)
    rng = np.random.default_rng(0)
    shared = rng.integers(2, 60, 70)
    prompts = [np.concatenate([shared, rng.integers(2, 60, length)]) for length in (1, 9)]
    one = Generator(toy.loaded(CONFIG, params, EOS), max_new_tokens=12, batch_tokens=600, decoding=decoding)
    alone = [one.answer([prompt])[0].tolist() for prompt in prompts]
    assert [answer.tolist() for answer in one.answer(prompts)] == alone
    plain = Generator(toy.loaded(CONFIG, params, EOS), max_new_tokens=12, batch_tokens=600)
    assert plain.answer(prompts[:1])[0].tolist() != alone[0]
