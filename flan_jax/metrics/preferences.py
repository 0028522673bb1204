"""Agreement of ratings with preferences: how often is the better of two responses to a prompt rated higher?

A pair is two responses to a prompt with different scores. Every prompt has weight 1, whatever its number of pairs, as
in the objectives (Ouyang et al. 2022, section 3.5).
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from flan_jax.metrics import bootstrap

OVERALL = 'all'
"""The key of all sources together."""

BINS = 10
"""Number of confidence bins of equal width (Guo et al. 2017)."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """Agreement on the pairs of some prompts; nan without pairs.

    Attributes:
      prompts: number of prompts with a pair.
      pairs: number of their pairs.
      accuracy: the share of pairs whose better response is rated higher; equal ratings count half.
      interval: the 95 % confidence interval of the accuracy, by resampling prompts.
      margin: the mean of the better response's rating minus the other's.
    """

    prompts: int
    pairs: int
    accuracy: float
    interval: tuple[float, float]
    margin: float


def margins(scores: Sequence[float], ratings: Sequence[float]) -> list[float]:
    """The better response's rating minus the other's, for each pair of responses to one prompt."""
    pairs = itertools.permutations(range(len(scores)), 2)
    return [ratings[better] - ratings[worse] for better, worse in pairs if scores[better] > scores[worse]]


def agreement(of_prompts: Sequence[Sequence[float]]) -> Agreement:
    """The agreement, given the `margins` of each prompt."""
    counted = [np.asarray(found) for found in of_prompts if len(found)]
    if not counted:
        return Agreement(0, 0, np.nan, (np.nan, np.nan), np.nan)
    right = [np.mean((found > 0) + 0.5 * (found == 0)) for found in counted]
    return Agreement(
        prompts=len(counted),
        pairs=sum(map(len, counted)),
        accuracy=float(np.mean(right)),
        interval=bootstrap.mean_interval(np.array(right)),
        margin=float(np.mean([found.mean() for found in counted])),
    )


def agreement_by_source(of_prompts: Sequence[Sequence[float]], sources: Iterable[str]) -> dict[str, Agreement]:
    """The agreement for each source, such as a dataset, and for all together as `OVERALL`.

    Args:
      of_prompts: the `margins` of each prompt.
      sources: the source of each prompt.
    """
    sources = list(sources)
    by_source = {
        name: agreement([found for found, source in zip(of_prompts, sources, strict=True) if source == name])
        for name in dict.fromkeys(sources)
    }
    return {OVERALL: agreement(of_prompts)} | by_source


@dataclasses.dataclass(frozen=True)
class Bin:
    """Pairs whose confidence lies in one interval.

    Attributes:
      confidence: the mean probability, by the ratings, of the response that is rated higher.
      accuracy: how often that response is the better one.
      weight: the share of all pairs, each with weight 1 / (number of pairs of its prompt).
    """

    confidence: float
    accuracy: float
    weight: float


def reliability(of_prompts: Sequence[Sequence[float]]) -> list[Bin]:
    """Confidence and accuracy, given the `margins` of each prompt: bins by rising confidence, without empty ones.

    The confidence of a margin m is sigmoid(|m|) (Bradley & Terry 1952), from 0.5 to 1.
    """
    found = np.concatenate([np.asarray(of_prompt, np.float64) for of_prompt in of_prompts])
    weights = np.concatenate([np.full(len(of_prompt), 1 / max(len(of_prompt), 1)) for of_prompt in of_prompts])
    confidence = 1 / (1 + np.exp(-np.abs(found)))
    right = (found > 0) + 0.5 * (found == 0)
    places = np.minimum((2 * BINS * (confidence - 0.5)).astype(int), BINS - 1)
    bins = []
    for members in (places == place for place in range(BINS)):
        if weight := weights[members].sum():
            sure, accurate = (float(np.average(of[members], weights=weights[members])) for of in (confidence, right))
            bins.append(Bin(sure, accurate, float(weight / weights.sum())))
    return bins


def calibration_error(bins: Iterable[Bin]) -> float:
    """The expected calibration error (Naeini et al. 2015): the weighted mean of |confidence - accuracy|."""
    return sum(found.weight * abs(found.confidence - found.accuracy) for found in bins)
