"""Length-controlled win rates with difficulties of instructions that are fitted to the data, as AlpacaEval's are.

The difficulty of an instruction cannot be estimated from the comparison of one model; it takes several models, each
compared with the same baseline (`fit_difficulty`). The confidence interval resamples instructions, and refits
difficulties and weights for each resample.
"""

from collections.abc import Callable, Sequence

import numpy as np

from flan_jax.errors import UserError
from flan_jax.metrics import bootstrap
from flan_jax.metrics.length_controlled import Comparisons, LengthControlled, fit_difficulty, length_controlled


def jointly_controlled(
    comparisons: Comparisons, others: Sequence[Comparisons], prior: Sequence[Comparisons] = ()
) -> LengthControlled:
    """The length-controlled win rate, with difficulties fitted to this model's and other models' comparisons.

    Args:
      comparisons: the model's comparisons.
      others: comparisons of other models with the same baseline; instructions that this model lacks are ignored.
      prior: the comparisons of the prior, if there are any; they are not used for difficulties.

    Raises:
      UserError: without other models, or if one has no instruction in common with this model.
    """
    if not others:
        raise UserError('difficulties need verdicts on other models in addition to this one')
    return _controlled(comparisons, others, prior, np.arange(len(comparisons.instructions)))


def joint_interval(
    comparisons: Comparisons,
    others: Sequence[Comparisons],
    prior: Sequence[Comparisons],
    samples: int,
    progress: Callable[[int], None] = lambda samples: None,
) -> tuple[float, float]:
    """The 95 % confidence interval of `jointly_controlled` by the bootstrap; `progress` is called for each resample.

    The penalty's strength is the one chosen on all data.
    """
    strength = jointly_controlled(comparisons, others, prior).strength
    random, count, rates = np.random.default_rng(0), len(comparisons.instructions), []
    for _ in range(samples):
        indices = random.integers(count, size=count)
        rates.append(_controlled(comparisons, others, prior, indices, strength).rate)
        progress(1)
    return bootstrap.percentiles(np.array(rates))


def _controlled(comparisons, others, prior, indices: np.ndarray, strength: float | None = None) -> LengthControlled:
    """The rate on the instructions at some indices; a repeated index counts as two instructions."""
    sample = comparisons.take(indices)
    names = [comparisons.instructions[i] for i in indices]
    difficulty = fit_difficulty([sample, *_taken(others, names, sample)])
    return length_controlled(sample, difficulty, _taken(prior, names, sample), strength)


def _taken(models: Sequence[Comparisons], names: Sequence[str], sample: Comparisons) -> list[Comparisons]:
    """The models' comparisons on the instructions of a sample, with the sample's names of the instructions."""
    return [_on(model, names, sample.instructions) for model in models]


def _on(model: Comparisons, names: Sequence[str], renamed: Sequence[str]) -> Comparisons:
    place = {name: index for index, name in enumerate(model.instructions)}
    shared = [(new, place[name]) for name, new in zip(names, renamed) if name in place]
    if not shared:
        raise UserError('one of the models for fitting difficulties has no verdict on any of the instructions')
    new, at = zip(*shared)
    taken = model.take(np.array(at))
    return Comparisons(new, taken.wins, taken.baseline_characters, taken.model_characters)
