"""Published reviews that score two answers from 1 to 10, such as GPT-4's for Vicuna, and the relative score.

The relative score of a model is the sum of its scores over that of its opponent's, over all questions (Peng et al.
2023, section 4.2). Vicuna's files have the scores in addition to the text; those of the math questions, whose reviews
do not start with scores, were entered by hand.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax.errors import UserError
from flan_jax.evaluation.judges.answers import read_rows
from flan_jax.metrics import relative_score as metric
from flan_jax.metrics.relative_score import Pair, pair_of, parse_scores, totals


@dataclasses.dataclass(frozen=True)
class RelativeScore:
    """The total scores of two assistants.

    Attributes:
      first: total score of the first assistant.
      second: total score of the second assistant.
      questions: number of reviews with scores.
      entered: number of these whose scores differ from those at the start of the text.
      unread: number of reviews without scores, which are ignored.
    """

    first: float
    second: float
    questions: int
    entered: int
    unread: int

    @property
    def per_cent(self) -> float:
        """The first total in per cent of the second."""
        return metric.relative_score(self.first, self.second)


def relative_score(reviews: Sequence[Mapping[str, Any]]) -> RelativeScore:
    """The relative score of the first assistant.

    Args:
      reviews: each with a 'text' and, optionally, a 'score' of two numbers; [-1, -1] means no score.

    Raises:
      UserError: if there are no scores.
    """
    scores = [(kept_scores(review), parse_scores(review['text'])) for review in reviews]
    found = [pair for kept, parsed in scores if (pair := kept or parsed)]
    first, second = totals(found) if found else (0, 0)
    if not second:
        raise UserError(f'none of {len(reviews)} reviews has two scores')
    entered = sum(kept is not None and kept != parsed for kept, parsed in scores)
    return RelativeScore(first, second, len(found), entered, len(reviews) - len(found))


def read_reviews(path: epath.PathLike) -> list[Mapping[str, Any]]:
    """The reviews of a file of JSON lines with the key 'text'; raises UserError for other files."""
    rows = list(read_rows(path))
    for where, row in rows:
        if not isinstance(row.get('text'), str):
            raise UserError(f'{where}: a review needs a string named "text"')
    return [row for _, row in rows]


def kept_scores(review: Mapping[str, Any]) -> Pair | None:
    """The two scores in addition to a review's text; None if there are none, or they are [-1, -1]."""
    pair = pair_of(review.get('score', ()))
    return pair if pair and min(pair) >= 0 else None
