"""Rejection sampling: which of many solutions to a question are kept to learn from.

RFT, Yuan et al. 2023 (arXiv 2308.01825), section 3.3, as its collect_rejection_sampling.py does it: a solution is kept
that arrives at the right answer and whose equations all hold; of those with the same equations one is kept, the one
that is further from the others.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import editdistance

from flan_jax.evaluation.samples import Answered, Question, SamplesError
from flan_jax.metrics.solutions import equation_key, final_answer, is_right, is_sound


def accepted(solutions: Iterable[str], reference: str) -> list[str]:
    """The solutions that arrive at the reference's answer by equations that hold, in order."""
    return [solution for solution in solutions if is_right(solution, reference) and is_sound(solution)]


def distinct(solutions: Sequence[str]) -> list[str]:
    """One solution for each list of equations.

    Solutions are taken in order. One whose equations are there already replaces the one that has them if the sum of its
    edit distances, in characters, to the other solutions kept so far is larger. So the result depends on the order:
    that of models, then of samples.
    """
    kept: dict[str, str] = {}
    for solution in solutions:
        key = equation_key(solution)
        present = kept.setdefault(key, solution)
        if solution == present:
            continue
        others = [other for other in kept.values() if other != present]
        if _distance(solution, others) > _distance(present, others):
            kept[key] = solution
    return list(kept.values())


def _distance(solution: str, others: Iterable[str]) -> int:
    """The sum of the edit distances from a solution to others."""
    return sum(editdistance.eval(solution, other) for other in others)


@dataclasses.dataclass(frozen=True)
class Kept:
    """What rejection sampling keeps.

    Attributes:
      questions: all questions.
      paths: the distinct accepted solutions to each; none where no sample is accepted.
      drawn: samples of all questions.
      right: how many of them arrive at the reference's answer.
      accepted: how many of those have equations that hold.
    """

    questions: tuple[Question, ...]
    paths: tuple[tuple[str, ...], ...]
    drawn: int
    right: int
    accepted: int

    @property
    def distinct(self) -> int:
        """Solutions kept."""
        return sum(map(len, self.paths))


def keep_paths(samples: Sequence[Answered], progress: Callable[[int], None] = lambda questions: None) -> Kept:
    """The distinct accepted solutions to each question.

    A sample equal to the reference is kept like any other, as RFT does: with the reference beside it, it counts twice.

    Raises:
      SamplesError: for a question whose reference has no answer after "####".
    """
    paths, right, count = [], 0, 0
    for answered in samples:
        reference = answered.question.reference
        if final_answer(reference) is None:
            raise SamplesError(
                f'the reference of {answered.question.prompt[:60]!r} has no answer after "####"; draw samples '
                'from a file with solutions, and map their key with --keys completion=...'
            )
        good = accepted(answered.answers, reference)
        right += sum(is_right(answer, reference) for answer in answered.answers)
        count += len(good)
        paths.append(tuple(distinct(good)))
        progress(1)
    drawn = sum(len(answered.answers) for answered in samples)
    return Kept(tuple(answered.question for answered in samples), tuple(paths), drawn, right, count)
