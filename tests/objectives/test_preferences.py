"""Laws of the objectives over trees, and worked examples of their papers."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from flan_jax.model import decoder
from flan_jax.model.inputs import Inputs
from flan_jax.model.value_head import init_value_head, response_values
from flan_jax.objectives.dpo import Dpo
from flan_jax.objectives.dpo_hinge import DpoHinge
from flan_jax.objectives.dpo_norm import DpoNorm
from flan_jax.objectives.ipo import Ipo
from flan_jax.objectives.objective import LOSS, Predictions
from flan_jax.objectives.reward import Reward
from flan_jax.objectives.rrhf import Rrhf
from flan_jax.objectives.slic import Slic
from flan_jax.packing.best_fit import pack
from flan_jax.packing.example import Example
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora
from tests.objectives.test_next_token import CLUSTERS, alone, assert_trees_close
from tests.toy import CONFIGS, LENGTH, batch_of, log_probs, random_examples, random_params

CONFIG = CONFIGS['rotary']
OBJECTIVES = {
    'dpo': Dpo(),
    'smoothed': Dpo(beta=0.5, label_smoothing=0.2),
    'norm': DpoNorm(),
    'hinge': DpoHinge(),
    'ipo': Ipo(),
    'ipo per token': Ipo(per_token=True),
    'slic': Slic(),
    'rrhf': Rrhf(),
}
each_objective = pytest.mark.parametrize('name', OBJECTIVES)
each_against_reference = pytest.mark.parametrize('name', [name for name in OBJECTIVES if name not in ('slic', 'rrhf')])


def numbers(log_probs, scores, reference=None, examples=None):
    """Predictions and batch of responses of one token each; `examples` says which example each belongs to."""
    count = len(scores)
    ids = [0] * count if examples is None else examples
    batch = {
        'weights': np.ones((1, count), np.float32),
        'response_ids': np.arange(count)[None],
        'cluster_ids': np.zeros((1, count), np.int32),
        'example_ids': np.array([ids], np.int32),
        'score': np.array([scores], np.float32),
        'reference': np.array([reference or [0.0] * count], np.float32),
    }
    values = jnp.array([log_probs], jnp.float32)
    return Predictions(values, values), {name: jnp.asarray(value) for name, value in batch.items()}


def loss(objective, *args, **kwargs):
    """The loss of responses of one token, see `numbers`."""
    predictions, batch = numbers(*args, **kwargs)
    total, metrics = objective(predictions, batch, CLUSTERS)
    mean = total / objective.denominator(batch)
    np.testing.assert_allclose(metrics[LOSS].total / metrics[LOSS].count, mean, rtol=1e-6)
    return float(mean)


def ranked(count=12, seed=3, responses=4):
    """Examples whose responses have scores, some of them equal, and reference log-probabilities."""
    rng = np.random.default_rng(seed)
    return [
        dataclasses.replace(
            example,
            annotations={
                'score': tuple(rng.integers(0, 4, len(example.responses)).tolist()),
                'reference': tuple((-4.0 * rng.random(len(example.responses)) * 8).tolist()),
            },
        )
        for example in random_examples(count, seed, responses)
    ]


def rows(examples):
    return [sequence.examples() for sequence in pack(examples, LENGTH, LENGTH, 3)]


def unpacked(examples):
    """The batch in which each response has a sequence of its own."""
    return batch_of(alone([dataclasses.replace(example, annotations={}) for example in examples]), 32, 16)


def by_example(log_probs_BxP, examples):
    """Of each example the summed log-probability of each response, from log-probabilities of the `unpacked` batch."""
    sums = (log_probs_BxP * unpacked(examples)['weights']).sum(axis=1)
    return jnp.split(sums, np.cumsum([len(example.responses) for example in examples])[:-1])


def own_log_probs(params, examples):
    """Of each example the summed log-probability of each response, each computed in a sequence of its own."""
    return by_example(log_probs(CONFIG, params, unpacked(examples)), examples)


@jax.jit
def gradient_through(params, batch, cotangent_BxP):
    """The gradient of the parameters where that of the log-probabilities is given."""
    return jax.vjp(lambda params: decoder.label_log_probs(CONFIG, params, batch), params)[1](cotangent_BxP)[0]


def naive(objective, log_probs, reference, score, lengths):
    """The loss of one example, pair by pair as the papers have it; None where it does not count."""
    ratios = (log_probs - reference) / (lengths if isinstance(objective, DpoNorm) else 1)
    if isinstance(objective, Ipo) and objective.per_token:
        ratios = ratios / lengths
    better_first = [(i, j) for i, j in itertools.permutations(range(len(score)), 2) if score[i] > score[j]]
    best = int(np.argmax(score))
    match objective:
        case Slic():
            hinges = [jnp.maximum(0, objective.margin - log_probs[i] + log_probs[j]) for i, j in better_first]
            return sum(hinges) / max(len(hinges), 1) - objective.regularisation * log_probs[best]
        case Rrhf():
            p = log_probs / lengths
            return sum(jnp.maximum(0, p[j] - p[i]) for i, j in better_first) - log_probs[best]
        case _ if not better_first:
            return None
    losses = [naive_pair(objective, ratios[i] - ratios[j]) for i, j in better_first]
    return sum(losses) / len(losses)


def naive_pair(objective, h):
    match objective:
        case Ipo():
            return (h - 1 / (2 * objective.beta)) ** 2
        case DpoHinge():
            return jnp.maximum(0, 1 - objective.beta * h)
        case Dpo():
            right, wrong = jnp.logaddexp(0, -objective.beta * h), jnp.logaddexp(0, objective.beta * h)
            return (1 - objective.label_smoothing) * right + objective.label_smoothing * wrong


@each_objective
def test_packed_trees_equal_unpacked_pairs_in_loss_and_gradient(name):
    objective, examples, params = OBJECTIVES[name], ranked(), random_params(CONFIG)
    batch = batch_of(rows(examples))

    def of_trees(log_probs_BxP):
        return objective(Predictions(log_probs_BxP), batch, CLUSTERS)[0] / objective.denominator(batch)

    def of_pairs(log_probs_BxP):
        losses = [
            naive(
                objective,
                log_probs,
                jnp.array(example.annotations['reference']),
                example.annotations['score'],
                np.array(list(map(len, example.responses))),
            )
            for example, log_probs in zip(examples, by_example(log_probs_BxP, examples))
        ]
        counted = [loss for loss in losses if loss is not None]
        return sum(counted) / len(counted)

    found = []
    for loss_of, arrays in ((of_trees, batch), (of_pairs, unpacked(examples))):
        value, cotangent = jax.jit(jax.value_and_grad(loss_of))(log_probs(CONFIG, params, arrays))
        found.append((value, gradient_through(params, arrays, cotangent)))
    assert_trees_close(*found, rtol=1e-4, atol=1e-5)


def test_rewards_of_packed_trees_equal_those_of_unpacked_pairs_in_loss_and_gradient():
    objective, examples = Reward(margin=0.3, centring=0.01), ranked()
    params = random_params(CONFIG) | init_value_head(CONFIG, jax.random.key(5))
    alone = [
        [Example(example.prompt, (response,), annotations={'score': (0.0,), 'reference': (0.0,)})]
        for example in examples
        for response in example.responses
    ]

    def values(params, batch):
        hidden = decoder.hidden_states(CONFIG, params, Inputs.of(batch))
        return response_values(params, hidden, batch['response_ends'])

    def of_trees(params, batch):
        predictions = Predictions(jnp.zeros_like(batch['weights']), values(params, batch))
        return objective(predictions, batch, CLUSTERS)[0] / objective.denominator(batch)

    def of_pairs(params, batch):
        counts = [len(example.responses) for example in examples]
        losses = []
        for rewards, example in zip(jnp.split(values(params, batch)[:, 0], np.cumsum(counts)[:-1]), examples):
            score = example.annotations['score']
            better_first = [(i, j) for i, j in itertools.permutations(range(len(score)), 2) if score[i] > score[j]]
            of_example = [
                jnp.logaddexp(0, rewards[j] - rewards[i] + objective.margin)
                + objective.centring * (rewards[i] + rewards[j]) ** 2
                for i, j in better_first
            ]
            losses += [sum(of_example) / len(of_example)] if of_example else []
        return sum(losses) / len(losses)

    found = [
        jax.jit(jax.value_and_grad(loss_of))(params, batch)
        for loss_of, batch in ((of_trees, batch_of(rows(examples))), (of_pairs, batch_of(alone, 32, 16)))
    ]
    assert_trees_close(*found, rtol=1e-4, atol=1e-5)


@each_objective
def test_siblings_may_be_permuted(name):
    examples = ranked()
    turned = [
        dataclasses.replace(
            example,
            responses=example.responses[::-1],
            annotations={key: values[::-1] for key, values in example.annotations.items()},
        )
        for example in examples
        if len({*example.annotations['score']}) == len(example.responses)  # of equally good ones the first is the best
    ]
    back = [dataclasses.replace(example, responses=example.responses[::-1]) for example in turned]
    back = [
        dataclasses.replace(example, annotations={key: values[::-1] for key, values in example.annotations.items()})
        for example in back
    ]
    assert len(turned) > 3
    found = []
    for some in (turned, back):
        batch = batch_of([[example] for example in some])
        predictions = Predictions(log_probs(CONFIG, random_params(CONFIG), batch))
        found.append(OBJECTIVES[name](predictions, batch, CLUSTERS))
    assert_trees_close(*found, rtol=1e-5, atol=1e-5)


FIRST_LOSS = {
    'dpo': np.log(2),
    'smoothed': np.log(2),
    'norm': np.log(2),
    'hinge': 1.0,
    'ipo': 25.0,
    'ipo per token': 25.0,
}
"""Where a model is its own reference: of IPO 1 / (2 beta)^2."""


@each_against_reference
@pytest.mark.parametrize('tuning', [Full(), Lora(rank=4, targets=('attention/query', 'feed_forward/down'))])
def test_the_first_loss_is_that_of_equal_rewards(name, tuning):
    base = random_params(CONFIG)
    examples = [
        dataclasses.replace(example, annotations=example.annotations | {'reference': tuple(map(float, reference))})
        for example, reference in zip(ranked(), own_log_probs(base, ranked()))
    ]
    started = tuning.init(CONFIG, jax.random.key(7), base, list) if tuning.freezes_base else base
    params = tuning.combine(base if tuning.freezes_base else {}, started)
    batch = batch_of(rows(examples))
    _, metrics = OBJECTIVES[name](Predictions(log_probs(CONFIG, params, batch)), batch, CLUSTERS)
    means = {key: metrics[key].total / metrics[key].count for key in (LOSS, 'margin', 'log_ratio')}
    assert abs(means['margin']) < 1e-5 and abs(means['log_ratio']) < 1e-5
    np.testing.assert_allclose(means[LOSS], FIRST_LOSS[name], atol=1e-6, rtol=1e-6)


def test_preferences_the_right_and_the_wrong_way_round_are_sure_together():
    """exp(-L(w, l)) + exp(-L(l, w)) = 1."""
    for objective in (Dpo(), DpoNorm(), Reward()):
        one, other = (loss(objective, [-3.0, -7.5], scores, [-4.0, -2.0]) for scores in ([1, 0], [0, 1]))
        assert one != other
        np.testing.assert_allclose(np.exp(-one) + np.exp(-other), 1, rtol=1e-6)


@each_against_reference
def test_what_depends_on_the_prompt_alone_cancels(name):
    objective, reference = OBJECTIVES[name], np.array([-0.4, -0.2, -0.9])
    before, after = (loss(objective, [-0.3, -0.7, -0.5], [2, 0, 1], list(reference + shift)) for shift in (0, 2.5))
    np.testing.assert_allclose(after, before, rtol=1e-5)
    assert loss(objective, [-0.3, -0.7, -0.5], [2, 0, 1], [-0.4, -0.1, -0.9]) != before


def test_a_shared_beginning_of_answers_cancels():
    """It may as well be the end of the prompt; so it is for implicit rewards that are sums."""
    beginning, ends = np.array([9, 8, 7, 6]), (np.array([5, 4]), np.array([3, 2, 1]))
    apart = dataclasses.replace(random_examples(1)[0], responses=tuple(np.append(beginning, end) for end in ends))
    shared = dataclasses.replace(apart, prompt=np.append(apart.prompt, beginning), responses=ends)
    params, other = random_params(CONFIG), random_params(CONFIG, 0.2)
    found = []
    for example in (apart, shared):
        reference = tuple(map(float, own_log_probs(other, [example])[0]))
        batch = batch_of([[dataclasses.replace(example, annotations={'score': (1, 0), 'reference': reference})]])
        _, metrics = Dpo()(Predictions(log_probs(CONFIG, params, batch)), batch, CLUSTERS)
        found.append((metrics[LOSS], metrics['margin']))
    assert abs(found[0][1].total) > 1e-3
    assert_trees_close(*found, rtol=1e-3, atol=1e-6)


def test_a_constant_changes_no_reward_loss_unless_rewards_are_centred():
    values, scores = np.array([0.3, -0.2, 1.0]), [2, 0, 1]
    shifted = list(values + 5)
    np.testing.assert_allclose(loss(Reward(), shifted, scores), loss(Reward(), list(values), scores), rtol=1e-5)
    centred = Reward(centring=0.01)
    sums = [0.3 + 1.0, 0.3 - 0.2, 1.0 - 0.2]
    added = loss(centred, list(values), scores) - loss(Reward(), list(values), scores)
    np.testing.assert_allclose(added, 0.01 * np.mean(np.square(sums)), rtol=1e-4)
    assert loss(centred, shifted, scores) > loss(centred, list(values), scores) + 0.5


def test_a_margin_is_reached_before_the_loss_falls_below_ln_2():
    np.testing.assert_allclose(loss(Reward(margin=2.0), [1.5, -0.5], [1, 0]), np.log(2), rtol=1e-6)


def test_an_example_weighs_the_same_however_many_pairs_it_has():
    one, two = ([0.3, -0.2, 1.0], [2, 0, 1]), ([0.5, 0.1], [0, 1])
    together = loss(Reward(), one[0] + two[0], one[1] + two[1], examples=[0, 0, 0, 1, 1])
    np.testing.assert_allclose(together, (loss(Reward(), *one) + loss(Reward(), *two)) / 2, rtol=1e-6)


def test_equal_scores_and_padding_make_no_pair():
    without = loss(Reward(), [0.3, -0.2], [1, 0])
    padded = loss(Reward(), [0.3, -0.2, 8.0, 9.0], [1, 0, 1, 0], examples=[0, 0, -1, -1])
    tied = loss(Reward(), [0.3, -0.2, 8.0, 9.0], [1, 0, 1, 1], examples=[0, 0, 1, 1])
    np.testing.assert_allclose([padded, tied], without, rtol=1e-6)


@each_against_reference
def test_a_batch_of_ties_has_a_loss_of_0_and_no_gradient(name):
    predictions, batch = numbers([0.3, -0.2], [1, 1])
    objective = OBJECTIVES[name]

    def loss_of(values):
        return objective(Predictions(values, values), batch, CLUSTERS)[0] / objective.denominator(batch)

    value, gradient = jax.value_and_grad(loss_of)(predictions.log_probs_BxP)
    assert value == 0 and not np.asarray(gradient).any()


def test_rrhf_ranks_as_in_the_worked_example():
    """Pairs (0, 1), (0, 2) and (2, 1) cost 1, 0 and 1.5; the best response is the likeliest no more."""
    p, scores = [-1.0, -2.0, -0.5], [1, 3, 2]
    np.testing.assert_allclose(loss(Rrhf(), p, scores), 2.5 + 2.0, rtol=1e-6)
    np.testing.assert_allclose(loss(Rrhf(rank_weight=10.0), p, scores), 25 + 2.0, rtol=1e-6)
    assert loss(Rrhf(), [-3.0, -1.0, -2.0], scores) == 1.0  # ordered rightly


def test_rrhf_divides_by_length_and_keeps_the_sum_of_the_best():
    predictions, batch = numbers([-1.0, -3.0, -1.5], [1, 0, 0])
    batch |= {'response_ids': jnp.array([[0, 0, 1]]), 'score': jnp.array([[0.0, 1.0, 0.0]])}
    batch['example_ids'] = jnp.array([[0, 0, -1]])
    np.testing.assert_allclose(Rrhf()(predictions, batch, CLUSTERS)[0], 1.5, rtol=1e-6)  # -4 / 2 is below -1.5 / 1
    np.testing.assert_allclose(Rrhf(length_penalty=0.0)(predictions, batch, CLUSTERS)[0], 1.5, rtol=1e-6)
    batch['score'] = 1 - batch['score']
    np.testing.assert_allclose(Rrhf()(predictions, batch, CLUSTERS)[0], 4.0 + 0.5, rtol=1e-6)
    np.testing.assert_allclose(Rrhf(length_penalty=0.0)(predictions, batch, CLUSTERS)[0], 4.0 + 2.5, rtol=1e-6)


@pytest.mark.parametrize('better, worse, expected', [(-12.0, -13.4, 0.0), (-12.0, -12.3, 0.7), (-10.0, -9.0, 2.0)])
def test_slic_calibrates_as_in_the_worked_examples(better, worse, expected):
    np.testing.assert_allclose(loss(Slic(regularisation=0.0), [better, worse], [1, 0]), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(loss(Slic(), [better, worse], [1, 0]), expected - 0.5 * better, rtol=1e-6)


def test_metrics_are_reported_by_cluster():
    predictions, batch = numbers([0.3, -0.2, 0.1, 0.5], [1, 0, 1, 0], examples=[0, 0, 1, 1])
    batch['cluster_ids'] = jnp.array([[0, 0, 1, 1]])
    _, metrics = Reward()(predictions, batch, CLUSTERS)
    means = {name: float(metric.total / metric.count) for name, metric in metrics.items()}
    assert (means['accuracy'], means['accuracy/a'], means['accuracy/b']) == (0.5, 1, 0)
    np.testing.assert_allclose([means['margin/a'], means['margin/b']], [0.5, -0.4], rtol=1e-5)
    np.testing.assert_allclose([means['chosen_reward'], means['rejected_reward']], [0.2, 0.15], rtol=1e-5)
