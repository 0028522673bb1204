"""How well ratings agree with preferences: whether the better of two responses to a prompt is rated higher.

A pair is two responses to a prompt with different scores. A prompt weighs 1 however many pairs it has, as in the
objectives (Ouyang et al. 2022, section 3.5).
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from flan_jax.metrics import bootstrap

OVERALL = 'all'
"""What stands for all sources together."""

BINS = 10
"""Bins of equal width in which confidence is compared with accuracy (Guo et al. 2017)."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What ratings make of the pairs of some prompts; nan where there is no pair.

    Attributes:
      prompts: those with a pair.
      pairs: of all of them.
      accuracy: the share whose better response is rated higher; one whose ratings are equal counts half.
      interval: the 95 % confidence interval of the accuracy, by resampling prompts.
      margin: by how much the better response is rated higher, on average.
    """

    prompts: int
    pairs: int
    accuracy: float
    interval: tuple[float, float]
    margin: float


def margins(scores: Sequence[float], ratings: Sequence[float]) -> list[float]:
    """By how much the better response is rated higher, of each pair of the responses to one prompt."""
    pairs = itertools.permutations(range(len(scores)), 2)
    return [ratings[better] - ratings[worse] for better, worse in pairs if scores[better] > scores[worse]]


def agreement(of_prompts: Sequence[Sequence[float]]) -> Agreement:
    """Of the `margins` of some prompts."""
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
    """Of the `margins` of many prompts, for all together as `OVERALL`, and for each source, such as a dataset."""
    sources = list(sources)
    by_source = {
        name: agreement([found for found, source in zip(of_prompts, sources, strict=True) if source == name])
        for name in dict.fromkeys(sources)
    }
    return {OVERALL: agreement(of_prompts)} | by_source


@dataclasses.dataclass(frozen=True)
class Bin:
    """Pairs about which ratings are about as sure.

    Attributes:
      confidence: the mean probability, by the ratings, of the response that they prefer.
      accuracy: how often that one is the better.
      weight: the share of all pairs, each weighing one over the pairs of its prompt.
    """

    confidence: float
    accuracy: float
    weight: float


def reliability(of_prompts: Sequence[Sequence[float]]) -> list[Bin]:
    """Confidence beside accuracy of the `margins` of some prompts, from least to most sure; empty bins are left out.

    The probability of a margin is its sigmoid (Bradley & Terry 1952), so that confidence is 0.5 to 1.
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
    """The mean distance of confidence and accuracy (expected calibration error, Naeini et al. 2015)."""
    return sum(found.weight * abs(found.confidence - found.accuracy) for found in bins)
