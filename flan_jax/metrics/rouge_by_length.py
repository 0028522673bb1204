"""ROUGE-L by length of the reference, as Peng et al. (2023, figure 6) evaluate on Unnatural Instructions."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

GROUPS = {'0-2': 2, '3-5': 5, '6-10': 10, '10>': math.inf}
"""Name of each group to the largest number of words of its references."""

ALL = 'ALL'


@dataclasses.dataclass(frozen=True)
class Group:
    """The score of answers whose references have a length within some interval.

    Attributes:
      count: number of answers.
      rouge_l: the mean of their ROUGE-L F-measures, from 0 to 1; None without answers.
    """

    count: int
    rouge_l: float | None


def group_of(reference: str) -> str:
    """The group of a reference, by its number of whitespace-separated words."""
    words = len(reference.split())
    return next(name for name, most in GROUPS.items() if words <= most)


def rouge_l_by_length(references: Sequence[str], answers: Sequence[str]) -> dict[str, Group]:
    """The score of every group, and of all answers; the mean and the lack of stemming are not stated in the paper."""
    from rouge_score import rouge_scorer

    from flan_jax.metrics.rouge_tokens import RougeTokenizer

    scorer = rouge_scorer.RougeScorer(['rougeL'], tokenizer=RougeTokenizer())
    scores = np.array([scorer.score(r, a)['rougeL'].fmeasure for r, a in zip(references, answers, strict=True)])
    groups = np.array([group_of(reference) for reference in references])
    return {name: _group(scores[groups == name]) for name in GROUPS} | {ALL: _group(scores)}


def _group(scores: np.ndarray) -> Group:
    return Group(len(scores), float(scores.mean()) if len(scores) else None)
