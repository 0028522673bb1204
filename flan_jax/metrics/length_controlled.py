"""Win rates of one model against another, raw and length-controlled as in AlpacaEval 2 (Dubois et al. 2024).

The length-controlled rate estimates the win rate if both models' answers had the same length. With p the probability
that the model's answer is preferred, a logistic regression without intercept is fitted for each model,

  logit p = length * tanh(d / std(d)) + difficulty * gamma + model

where d is the number of characters of the baseline's answer minus that of the model's (not centred), std(d) its sample
standard deviation, and gamma the difficulty of the instruction. The rate is the mean of p without the first term.

AlpacaEval adds a prior to the data: comparisons of its baseline with terse and verbose versions of itself, which have a
small weight and no model term. It needs their files; without them the variant of a rate is 'without prior'.
"""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from flan_jax.errors import UserError

PRIOR_WEIGHT = 0.2
"""Total weight of all sets of the prior, relative to the model's own data."""

STRENGTHS = tuple(np.logspace(-4, 4, 10))
"""Inverse strengths C of the L1 penalty among which cross-validation chooses."""

FOLDS, SEED = 5, 123

_NEXT_TO_NOTHING = 1e-12
"""A weight too small to change the fit."""

JOINT_STRENGTH = 3.0
"""Inverse strength C of the L2 penalty of the joint fit: of 0.3, 1, 3 and 10 the one with the lowest log-loss on
held-out comparisons, over 21 models of AlpacaEval's repository. AlpacaEval does not state its own."""

Variant = Literal['length-controlled', 'length-controlled without prior', 'length-controlled minimal']


@dataclasses.dataclass(frozen=True)
class Comparisons:
    """Comparisons of a model's answers with a baseline's.

    Attributes:
      instructions: distinct hashes of the instructions, see `instruction_hash`, [E].
      wins: the probability that the model's answer is preferred; 1/2 for a tie, [E].
      baseline_characters: length of the baseline's answers, [E].
      model_characters: length of the model's answers, [E].
    """

    instructions: tuple[str, ...]
    wins: np.ndarray
    baseline_characters: np.ndarray
    model_characters: np.ndarray

    def __post_init__(self):
        if not self.instructions:
            raise UserError('no comparisons')
        if len(set(self.instructions)) < len(self.instructions):
            raise UserError('an instruction has several comparisons; give one per instruction')
        if not ((self.wins >= 0) & (self.wins <= 1)).all():
            raise UserError('the probability that a model wins must be from 0 to 1')

    @property
    def win_rate(self) -> float:
        """The raw win rate in per cent."""
        return 100 * float(self.wins.mean())

    @property
    def length(self) -> np.ndarray:
        """The length feature tanh(d / std(d)), [E]; 0 if d is 0 for all answers."""
        d_E = (self.baseline_characters - self.model_characters).astype(float)
        std = d_E.std(ddof=1) if len(d_E) > 1 else 0.0
        return np.tanh(d_E / std) if std > 0 else np.zeros_like(d_E)

    def swapped(self) -> 'Comparisons':
        """The comparisons with baseline and model exchanged."""
        return Comparisons(self.instructions, 1 - self.wins, self.model_characters, self.baseline_characters)

    def take(self, indices: np.ndarray) -> 'Comparisons':
        """The comparisons at some indices; repeated ones get distinct instruction hashes."""
        names = tuple(f'{self.instructions[i]} {number}' for number, i in enumerate(indices))
        return Comparisons(names, self.wins[indices], self.baseline_characters[indices], self.model_characters[indices])


@dataclasses.dataclass(frozen=True)
class Weights:
    """The fitted weights of the features."""

    length: float
    difficulty: float
    model: float

    def rate(self, difficulty_E: np.ndarray) -> float:
        """The mean of p in per cent, without the length term."""
        return 100 * float(_sigmoid(self.difficulty * difficulty_E + self.model).mean())


@dataclasses.dataclass(frozen=True)
class LengthControlled:
    """A length-controlled win rate.

    Attributes:
      rate: the rate in per cent.
      weights: the fitted weights.
      strength: inverse strength C of the penalty, chosen by cross-validation.
      variant: with or without difficulties and prior; rates of different variants are not comparable.
      warning: a warning if the rate differs implausibly from the raw one; else empty.
    """

    rate: float
    weights: Weights
    strength: float
    variant: Variant
    warning: str = ''


def instruction_hash(instruction: str) -> str:
    """The hash of an instruction: twelve hexadecimal digits."""
    return hashlib.sha1(instruction.encode()).hexdigest()[:12]


def wins_of(preferences: np.ndarray) -> np.ndarray:
    """Wins from AlpacaEval's preferences: 1 for the baseline, 2 for the model, 0 for a tie, in between soft ones."""
    return np.where(preferences == 0, 1.5, preferences) - 1


def length_controlled(
    comparisons: Comparisons,
    difficulty: Mapping[str, float] | None = None,
    prior: Sequence[Comparisons] = (),
    strength: float | None = None,
) -> LengthControlled:
    """The length-controlled win rate.

    Args:
      comparisons: the model's comparisons.
      difficulty: hash to difficulty of each instruction, from `fit_difficulty`; None for the minimal variant without
        that term, which is a poor approximation for rates far from 50 %.
      prior: the comparisons of the prior, if there are any; they need difficulties.
      strength: inverse strength C of the penalty; None to choose it by cross-validation.

    Raises:
      UserError: for an instruction without a difficulty.
    """
    gamma_E = _gamma(comparisons, difficulty)
    rows = _Rows.of(comparisons, gamma_E, prior, difficulty)
    strength = rows.chosen_strength() if strength is None else strength
    weights = Weights(*rows.fit(strength))
    rate, variant = weights.rate(gamma_E), _variant(difficulty, prior)
    return LengthControlled(rate, weights, strength, variant, _warning(comparisons.win_rate, rate, weights))


def interval(
    comparisons: Comparisons,
    difficulty: Mapping[str, float] | None = None,
    prior: Sequence[Comparisons] = (),
    samples: int = 200,
    seed: int = 0,
) -> tuple[float, float]:
    """The 95 % confidence interval of the length-controlled rate by the bootstrap over instructions, with refits.

    The penalty's strength is the one chosen on all data, and difficulties are not refitted.
    """
    strength = length_controlled(comparisons, difficulty, prior).strength
    random, count, rates = np.random.default_rng(seed), len(comparisons.instructions), []
    for _ in range(samples):
        indices = random.integers(count, size=count)
        sample = comparisons.take(indices)
        known = difficulty and {**difficulty, **{name: difficulty[name.split()[0]] for name in sample.instructions}}
        rates.append(length_controlled(sample, known, prior, strength).rate)
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)


def fit_difficulty(models: Sequence[Comparisons], strength: float = JOINT_STRENGTH) -> dict[str, float]:
    """Hash to difficulty of each instruction: one logistic regression over the comparisons of several models.

    Every model has its own intercept and length slope; an instruction's term is shared by all models. Models win more
    often on instructions with a higher value.
    """
    import scipy.sparse
    from sklearn.linear_model import LogisticRegression

    names = sorted({name for model in models for name in model.instructions})
    column = {name: 2 * len(models) + i for i, name in enumerate(names)}
    columns = [
        np.stack([np.full(len(own), number), np.full(len(own), len(models) + number), own], axis=1)
        for number, own in enumerate(np.array([column[name] for name in model.instructions]) for model in models)
    ]
    values = [np.stack([model.length, *np.ones((2, len(model.length)))], axis=1) for model in models]
    rows = sum(map(len, values))
    features = scipy.sparse.csr_matrix(
        (np.concatenate(values).ravel(), np.concatenate(columns).ravel(), np.arange(0, 3 * rows + 1, 3)),
        shape=(rows, 2 * len(models) + len(names)),
    )
    wins = np.concatenate([model.wins for model in models])
    fitted = LogisticRegression(C=strength, solver='newton-cg', fit_intercept=False, max_iter=1000, tol=1e-6).fit(
        scipy.sparse.vstack([features, features]), *_twice(wins)
    )
    return {name: float(fitted.coef_[0][column[name]]) for name in names}


@dataclasses.dataclass(frozen=True)
class _Rows:
    """The rows of a fit.

    Attributes:
      features: [R, 3].
      wins: [R].
      weights: [R].
    """

    features: np.ndarray
    wins: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, comparisons, gamma_E, prior, difficulty) -> '_Rows':
        sets = [(comparisons, gamma_E, 1.0, 1.0)]
        sets += [(one, _gamma(one, difficulty), 0.0, PRIOR_WEIGHT / len(prior)) for one in prior]
        features = [np.stack([one.length, gamma, np.full(len(gamma), own)], axis=1) for one, gamma, own, _ in sets]
        weights = [np.full(len(gamma), weight) for _, gamma, _, weight in sets]
        return cls(np.concatenate(features), np.concatenate([s[0].wins for s in sets]), np.concatenate(weights))

    def take(self, chosen: np.ndarray) -> '_Rows':
        return _Rows(self.features[chosen], self.wins[chosen], self.weights[chosen])

    def fit(self, strength: float) -> np.ndarray:
        """The weights of the features, [3]; every row counts as a win and as a loss, weighted by their probability."""
        from sklearn.linear_model import LogisticRegression

        labels, weights = _twice(self.wins)
        weights = weights * np.tile(self.weights, 2)
        for label in (0, 1):  # liblinear needs both labels: an absent one gets a tiny weight
            if not np.any(weights[labels == label]):
                weights[labels == label] = _NEXT_TO_NOTHING
        model = LogisticRegression(
            C=strength, l1_ratio=1.0, solver='liblinear', fit_intercept=False, random_state=SEED, max_iter=100_000
        )
        model.fit(np.concatenate([self.features] * 2), labels, weights)
        return model.coef_[0]

    def log_loss(self, coefficients: np.ndarray) -> float:
        z_R = self.features @ coefficients
        losses_R = self.wins * np.logaddexp(0, -z_R) + (1 - self.wins) * np.logaddexp(0, z_R)
        return float((self.weights * losses_R).sum() / self.weights.sum())

    def chosen_strength(self) -> float:
        """The strength of the lowest log-loss on held-out rows; a row's win and loss are held out together."""
        fold_R = np.arange(len(self.wins)) % FOLDS
        folds = [fold for fold in range(FOLDS) if (fold_R == fold).any() and (fold_R != fold).any()]

        def loss(strength: float) -> float:
            fits = ((self.take(fold_R != f).fit(strength), self.take(fold_R == f)) for f in folds)
            return float(np.mean([held_out.log_loss(coefficients) for coefficients, held_out in fits]))

        return float(min(STRENGTHS, key=loss)) if folds else STRENGTHS[-1]


def _twice(wins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and weights of rows that are repeated, as a win and as a loss."""
    return np.repeat([1, 0], len(wins)), np.concatenate([wins, 1 - wins])


def _gamma(comparisons: Comparisons, difficulty: Mapping[str, float] | None) -> np.ndarray:
    if difficulty is None:
        return np.zeros(len(comparisons.instructions))
    if unknown := [name for name in comparisons.instructions if name not in difficulty]:
        raise UserError(
            f'{len(unknown)} of {len(comparisons.instructions)} instructions have no difficulty, such as '
            f'{unknown[0]}; fit difficulties for these instructions, or use none'
        )
    return np.array([difficulty[name] for name in comparisons.instructions])


def _variant(difficulty, prior) -> Variant:
    if difficulty is None:
        return 'length-controlled minimal'
    return 'length-controlled' if prior else 'length-controlled without prior'


def _warning(raw: float, rate: float, weights: Weights) -> str:
    """A warning if all weights are 0, or if the rate exceeds AlpacaEval's bounds of plausibility; else empty."""
    if weights == Weights(0, 0, 0) and abs(raw - rate) >= 0.1:
        return (
            'the length-controlled rate is 50, because the regularisation chosen by cross-validation sets all '
            f'weights to 0; the evidence of the raw rate {raw:.1f} is too weak'
        )
    if min(raw - raw / 4, raw - 10) <= rate <= max(raw + (100 - raw) / 4, raw + 10):
        return ''
    return (
        f'the length-controlled rate {rate:.1f} differs much from the raw rate {raw:.1f}; the answers of the two '
        'models may differ in length on nearly all instructions'
    )


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -z))
