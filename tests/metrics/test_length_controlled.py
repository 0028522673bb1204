"""Win rates against what AlpacaEval 2 published, and against laws that hold for any data."""

import csv
import pathlib

import numpy as np
import pytest

from flan_jax.errors import UserError
from flan_jax.metrics.length_controlled import (
    Comparisons,
    Weights,
    fit_difficulty,
    instruction_hash,
    interval,
    length_controlled,
    wins_of,
)

PUBLISHED = pathlib.Path(__file__).parents[3] / 'shared' / 'instructions' / 'alpaca_eval'


def made(count=300, seed=0, length=-1.5, difficulty=1.0, model=0.5, shift=0):
    """Comparisons drawn from known weights, and the difficulties."""
    rng = np.random.default_rng(seed)
    gamma = rng.normal(0, 1, count)
    baseline, ours = rng.integers(200, 3000, count), rng.integers(200, 3000, count) + shift
    names = tuple(instruction_hash(str(i)) for i in range(count))
    drawn = Comparisons(names, np.full(count, 0.5), baseline, ours)
    z = length * drawn.length + difficulty * gamma + model
    return Comparisons(names, 1 / (1 + np.exp(-z)), baseline, ours), dict(zip(names, gamma))


def test_known_weights_are_found_again():
    comparisons, gamma = made(3000)
    found = length_controlled(comparisons, gamma)
    expected = Weights(-1.5, 1.0, 0.5)
    assert vars(found.weights) == pytest.approx(vars(expected), abs=0.02)
    assert found.rate == pytest.approx(expected.rate(np.array(list(gamma.values()))), abs=0.2)


def test_length_alone_gains_nothing():
    """Longer answers raise the raw rate, not the length-controlled one."""
    (short, gamma), (long, _) = made(3000), made(3000, shift=1500)
    assert long.win_rate > short.win_rate + 5
    assert length_controlled(long, gamma).rate == pytest.approx(length_controlled(short, gamma).rate, abs=0.3)


def test_baseline_against_model_is_what_is_left_of_the_hundred():
    comparisons, gamma = made()
    back = length_controlled(comparisons.swapped(), gamma, strength=100.0)
    there = length_controlled(comparisons, gamma, strength=100.0)
    assert there.rate + back.rate == pytest.approx(100, abs=0.05)
    assert comparisons.win_rate + comparisons.swapped().win_rate == pytest.approx(100)


def test_a_model_against_itself_wins_half():
    names = tuple(map(str, range(20)))
    same = Comparisons(names, np.full(20, 0.5), np.arange(20), np.arange(20))
    found = length_controlled(same, dict.fromkeys(names, 0.3))
    assert same.win_rate == 50 and found.rate == pytest.approx(50) and not found.warning


def test_a_rate_of_which_the_penalty_leaves_nothing_is_told_from_an_even_one():
    names = tuple(map(str, range(10)))
    nearly = Comparisons(names, np.linspace(0.45, 0.52, 10), np.arange(10), np.arange(10)[::-1])
    found = length_controlled(nearly, strength=1e-4)  # which 10 comparisons of a small judge have
    assert found.rate == 50 and found.weights == Weights(0, 0, 0) and 'sets all weights to 0' in found.warning


@pytest.mark.parametrize('wins', [0.0, 1.0])
def test_a_model_that_loses_or_wins_throughout_is_rated_so(wins, capfd):
    """Of one class of rows liblinear takes the first label for both, and a loser had a rate of 50."""
    names = tuple(map(str, range(6)))
    one_sided = Comparisons(names, np.full(6, wins), np.array([9, 30, 12, 8, 40, 25]), np.array([30, 9, 9, 35, 20, 26]))
    found = [length_controlled(one_sided).rate, *interval(one_sided, samples=10)]
    assert found == pytest.approx([100 * wins] * 3, abs=1)
    assert 'WARNING' not in ''.join(capfd.readouterr())


def test_preferences_are_wins_and_zero_is_a_tie():
    np.testing.assert_array_equal(wins_of(np.array([1.0, 2.0, 0.0, 1.25])), [0, 1, 0.5, 0.25])


def test_variants_are_named():
    comparisons, gamma = made(60)
    assert length_controlled(comparisons).variant == 'length-controlled minimal'
    assert length_controlled(comparisons, gamma).variant == 'length-controlled without prior'
    assert length_controlled(comparisons, gamma, [made(60, seed=1)[0]]).variant == 'length-controlled'


def test_the_prior_holds_the_weight_of_length_where_answers_do_not_vary_in_sign():
    comparisons, gamma = made(200, length=-9.0, shift=-4000)
    prior = [made(200, seed=seed, length=-1.5, model=0.0)[0] for seed in (1, 2)]
    free, held = (
        length_controlled(comparisons, gamma, strength=100.0),
        length_controlled(comparisons, gamma, prior, strength=100.0),
    )
    assert abs(held.weights.length + 1.5) < abs(free.weights.length + 1.5)


def test_instructions_are_joined_by_hash_and_not_by_place():
    comparisons, gamma = made(100)
    order = np.random.default_rng(3).permutation(100)
    shuffled = Comparisons(
        tuple(comparisons.instructions[i] for i in order),
        *(
            values[order]
            for values in (comparisons.wins, comparisons.baseline_characters, comparisons.model_characters)
        ),
    )
    assert length_controlled(shuffled, gamma, strength=1.0).rate == pytest.approx(
        length_controlled(comparisons, gamma, strength=1.0).rate, abs=1e-3
    )
    with pytest.raises(UserError, match='1 of 100 instructions have no difficulty'):
        length_controlled(comparisons, {name: 0.0 for name in comparisons.instructions[1:]})


def test_a_repeated_instruction_is_refused():
    with pytest.raises(UserError, match='several comparisons'):
        Comparisons(('a', 'a'), np.array([0.5, 0.5]), np.array([1, 2]), np.array([1, 2]))


def test_the_joint_fit_finds_which_instructions_are_hard():
    models = [made(150, seed=0, model=m, length=0.0)[0] for m in (-1.0, 0.0, 1.0)]
    _, gamma = made(150, seed=0)
    found = fit_difficulty(models, strength=100.0)
    pairs = np.array([(gamma[name], found[name]) for name in gamma])
    assert np.corrcoef(pairs.T)[0, 1] > 0.99


def test_the_interval_holds_the_rate_and_narrows_with_more_instructions():
    few, gamma_few = made(60)
    many, gamma_many = made(900)
    (low, high), (many_low, many_high) = interval(few, gamma_few, samples=40), interval(many, gamma_many, samples=40)
    assert low < length_controlled(few, gamma_few).rate < high and many_high - many_low < high - low


def test_the_rate_of_two_models_follows_from_their_stored_weights():
    """The mean preference of sigma(psi gamma + theta): at gamma = 0 it is sigma(theta), and 50 for a model itself."""
    assert Weights(-2.0, 0.0, 0.0).rate(np.array([0.3, -2.0])) == 50
    assert Weights(1.0, 1.0, 2.0).rate(np.zeros(4)) == pytest.approx(100 / (1 + np.exp(-2)))


@pytest.fixture(scope='module')
def published():
    """The comparisons of 22 models against AlpacaEval's baseline, and the published rates."""
    if not PUBLISHED.is_dir():
        pytest.skip('no AlpacaEval annotations beside the repository (../shared/instructions/alpaca_eval)')
    rows: dict[str, list] = {}
    with (PUBLISHED / 'pairs.csv').open() as file:
        for row in csv.DictReader(file):
            rows.setdefault(row['model'], []).append(row)
    with (PUBLISHED / 'leaderboard.csv').open() as file:
        board = {row['model']: row for row in csv.DictReader(file)}
    return {name: _comparisons(of_model) for name, of_model in rows.items()}, board


def _comparisons(rows):
    numbers = {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name not in ('model', HASH)}
    return Comparisons(
        tuple(row[HASH] for row in rows),
        wins_of(numbers['preference']),
        numbers['base_characters'],
        numbers['model_characters'],
    )


HASH = 'instruction_sha1'


def test_raw_rates_are_the_published_ones(published):
    models, board = published
    assert {name: models[name].win_rate for name in board} == pytest.approx(
        {name: float(row['win_rate']) for name, row in board.items()}, abs=1e-9
    )


FAR = {'gpt4_gamed': 16, 'claude-2': 2.5, 'gpt-3.5-turbo-1106': 2.5}
"""Models that are more than two points off, and by how much at most. Their answers are almost all shorter than the
baseline's, so that hardly anything in them says what length is worth between equals: there the prior decides, which is
not here, and the weight of length that is found is larger than the published one (-18 against -3 for the first)."""


def test_length_controlled_rates_are_near_the_published_ones(published):
    """Without AlpacaEval's difficulties and prior, which are not here: the difficulty is fitted on these models."""
    models, board = published
    names = [name for name in board if name != 'gpt4_1106_preview']
    difficulty = fit_difficulty([model for name, model in models.items() if name != 'gpt4_1106_preview'])
    off = {
        name: length_controlled(models[name], difficulty, strength=100.0).rate
        - float(board[name]['length_controlled_winrate'])
        for name in names
    }
    assert np.mean(np.abs(list(off.values()))) < 2, off
    assert all(abs(delta) < FAR.get(name, 2) for name, delta in off.items()), off
    length_controlled_baseline = length_controlled(models['gpt4_1106_preview'], difficulty)
    assert length_controlled_baseline.rate == pytest.approx(50)
