"""How well a model rates the responses of rankings that it has not seen, by source."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from flan_jax.metrics.preferences import agreement_by_source, calibration_error, margins, reliability
from flan_jax.training.rated import Rated, RatedExample

_BINS = 24


def preference_results(rated: Rated) -> dict[str, Any]:
    """What a report says of them.

    Returns:
      step: of the model; sources: lines with the fields of `flan_jax.metrics.preferences.Agreement`, all together
      first; distribution: edges of ratings, and the share of chosen and of other responses between them; reliability:
      bins, and calibration_error: both None where ratings stand for no probabilities, or there is no pair.
    """
    of_prompts = [margins(example.scores, example.ratings) for example in rated.examples]
    found = agreement_by_source(of_prompts, [example.source for example in rated.examples])
    lines = [{'source': source} | dataclasses.asdict(of) for source, of in found.items() if of.pairs]
    bins = reliability(of_prompts) if rated.of_probabilities and lines else None
    return {
        'step': rated.step,
        'sources': lines[1:] if len(lines) == 2 else lines,  # all of one source are the same twice
        'distribution': _distribution(rated.examples) if lines else None,
        'reliability': bins and [dataclasses.asdict(one) for one in bins],
        'calibration_error': bins and calibration_error(bins),
    }


def _distribution(examples: Sequence[RatedExample]) -> dict[str, list[float]]:
    """How ratings are spread, those of the best response to each prompt apart from the others'."""
    parts: dict[str, list[float]] = {'chosen': [], 'others': []}
    for example in examples:
        best = max(example.scores)
        for score, rating in zip(example.scores, example.ratings):
            parts['chosen' if score == best else 'others'].append(rating)
    edges = np.histogram_bin_edges([rating for part in parts.values() for rating in part], _BINS)
    shares = {name: np.histogram(part, edges)[0] / max(len(part), 1) for name, part in parts.items()}
    return {'edges': edges.tolist()} | {name: share.tolist() for name, share in shares.items()}
