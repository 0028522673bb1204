"""The accuracy of a model's ratings on held-out rankings, by source."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from flan_jax.metrics.preferences import agreement_by_source, calibration_error, margins, reliability
from flan_jax.training.rated import Rated, RatedExample

_BINS = 24


def preference_results(rated: Rated) -> dict[str, Any]:
    """The report's content for ratings of held-out rankings.

    Returns:
      step: the model's step.
      sources: lines with the fields of `flan_jax.metrics.preferences.Agreement`, first that of all sources together.
      distribution: bin edges of ratings, and the shares of chosen and other responses per bin.
      reliability: bins of confidence; None if ratings do not define probabilities, or without pairs.
      calibration_error: the expected calibration error; None as `reliability`.
    """
    of_prompts = [margins(example.scores, example.ratings) for example in rated.examples]
    found = agreement_by_source(of_prompts, [example.source for example in rated.examples])
    lines = [{'source': source} | dataclasses.asdict(of) for source, of in found.items() if of.pairs]
    bins = reliability(of_prompts) if rated.of_probabilities and lines else None
    return {
        'step': rated.step,
        'sources': lines[1:] if len(lines) == 2 else lines,  # a single source equals the total
        'distribution': _distribution(rated.examples) if lines else None,
        'reliability': bins and [dataclasses.asdict(one) for one in bins],
        'calibration_error': bins and calibration_error(bins),
    }


def _distribution(examples: Sequence[RatedExample]) -> dict[str, list[float]]:
    """The distributions of ratings, of the best response to each prompt and of all others."""
    parts: dict[str, list[float]] = {'chosen': [], 'others': []}
    for example in examples:
        best = max(example.scores)
        for score, rating in zip(example.scores, example.ratings):
            parts['chosen' if score == best else 'others'].append(rating)
    edges = np.histogram_bin_edges([rating for part in parts.values() for rating in part], _BINS)
    shares = {name: np.histogram(part, edges)[0] / max(len(part), 1) for name, part in parts.items()}
    return {'edges': edges.tolist()} | {name: share.tolist() for name, share in shares.items()}
