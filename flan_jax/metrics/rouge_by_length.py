"""ROUGE-L by length of the reference, as Peng et al. (2023, figure 6) evaluate on Unnatural Instructions."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

GROUPS = {'0-2': 2, '3-5': 5, '6-10': 10, '10>': math.inf}
"""Each group's name, to the most words that its references have."""

ALL = 'ALL'


@dataclasses.dataclass(frozen=True)
class Group:
    """The answers to references of some lengths.

    Attributes:
      count: how many.
      rouge_l: the mean of their ROUGE-L F-measures, from 0 to 1; None where there are none.
    """

    count: int
    rouge_l: float | None


def group_of(reference: str) -> str:
    """The group of a reference, by its words between blanks."""
    words = len(reference.split())
    return next(name for name, most in GROUPS.items() if words <= most)


def rouge_l_by_length(references: Sequence[str], answers: Sequence[str]) -> dict[str, Group]:
    """Every group's answers, and those of all; plain means, without stemming, which the paper leaves open."""
    from rouge_score import rouge_scorer

    from flan_jax.metrics.rouge_tokens import RougeTokenizer

    scorer = rouge_scorer.RougeScorer(['rougeL'], tokenizer=RougeTokenizer())
    scores = np.array([scorer.score(r, a)['rougeL'].fmeasure for r, a in zip(references, answers, strict=True)])
    groups = np.array([group_of(reference) for reference in references])
    return {name: _group(scores[groups == name]) for name in GROUPS} | {ALL: _group(scores)}


def _group(scores: np.ndarray) -> Group:
    return Group(len(scores), float(scores.mean()) if len(scores) else None)
