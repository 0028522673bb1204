"""The Instruction Following Score (AlShikh et al. 2023, section 3): the share of responses that are answers.

The introduction of the paper calls it a ratio of answers to continuations; by its definition and tables, and here, it
is the proportion of all responses.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from flan_jax.data.instruction_following import FULL, PARTIAL
from flan_jax.errors import UserError
from flan_jax.evaluation.instruction_following.classifier import AnswerClassifier

LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Share:
    """A proportion of responses.

    Attributes:
      value: from 0 to 1.
      low: lower end of its confidence interval at `LEVEL` (Wilson 1927).
      high: upper end of the interval.
      count: number of responses.
    """

    value: float
    low: float
    high: float
    count: int


def instruction_following(
    classifier: AnswerClassifier, answers: Sequence[str], kinds: Sequence[str]
) -> Mapping[str, Share]:
    """The score of all responses, and of those to partial and to full instructions, if there are any.

    Args:
      classifier: distinguishes answers from continuations.
      answers: a model's responses.
      kinds: 'partial' or 'full' for the instruction of each response.

    Raises:
      UserError: if there are no answers.
    """
    hits = classifier.is_answer(answers).tolist()
    by_kind = {kind: [hit for hit, of in zip(hits, kinds, strict=True) if of == kind] for kind in (PARTIAL, FULL)}
    found = {'IFS': hits, 'IFS partial': by_kind[PARTIAL], 'IFS full': by_kind[FULL]}
    if not hits:
        raise UserError('no answers to score')
    return {name: share_of(of) for name, of in found.items() if of}


def share_of(hits: Sequence[bool]) -> Share:
    """The share of hits with its confidence interval; `hits` must not be empty."""
    import scipy.stats

    interval = scipy.stats.binomtest(sum(hits), len(hits)).proportion_ci(LEVEL, method='wilson')
    return Share(sum(hits) / len(hits), float(interval.low), float(interval.high), len(hits))
