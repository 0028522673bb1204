"""The relative score of a model by a judge that scores two answers (Vicuna's evaluation; Peng et al. 2023, 4.2)."""

from collections.abc import Iterable, Sequence

Pair = tuple[float, float]
"""The scores of the first and of the second answer."""


def parse_scores(review: str) -> Pair | None:
    """The two scores on a review's first line, separated by a space or comma; None unless it has two numbers."""
    return pair_of(review.split('\n')[0].replace(',', ' ').split())


def parse_score(review: str) -> float | None:
    """The score on the first line of a review of one answer; None without a number that stands alone."""
    try:
        return float(review.strip().split('\n')[0])
    except ValueError:
        return None


def pair_of(values: Sequence) -> Pair | None:
    """Two values as numbers; None unless they are two numbers."""
    try:
        first, second = map(float, values)
    except (ValueError, TypeError):
        return None
    return first, second


def totals(pairs: Iterable[Pair]) -> Pair:
    """The sums of first and of second scores."""
    firsts, seconds = zip(*pairs)
    return sum(firsts), sum(seconds)


def relative_score(total: float, of_opponent: float) -> float:
    """A model's total divided by its opponent's on the same questions, in per cent."""
    return 100 * total / of_opponent
