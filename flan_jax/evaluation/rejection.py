"""Rejection sampling: selects solutions to learn from (RFT).

Yuan et al. 2023 (arXiv 2308.01825), section 3.3, as in their collect_rejection_sampling.py: solutions are accepted if
their answer is correct and all of their equations hold; of accepted solutions with the same equations, the one that
differs more from the others is kept.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

import editdistance

from flan_jax.evaluation.samples import Answered, Question, SamplesError
from flan_jax.metrics.solutions import equation_key, final_answer, is_right, is_sound


def accepted(solutions: Iterable[str], reference: str) -> list[str]:
    """The solutions with the reference's answer whose equations all hold, in order."""
    return [solution for solution in solutions if is_right(solution, reference) and is_sound(solution)]


def distinct(solutions: Sequence[str]) -> list[str]:
    """One solution for each list of equations.

    Solutions are processed in order. A solution with the same equations as an earlier one replaces it if the sum of its
    edit distances, in characters, to the other solutions kept so far is larger. The result therefore depends on the
    order, which is by models, then by samples.
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
    """The result of rejection sampling.

    Attributes:
      questions: all questions.
      paths: the distinct accepted solutions to each question; may be empty.
      drawn: number of samples over all questions.
      right: number of samples with the reference's answer.
      accepted: number of these whose equations all hold.
    """

    questions: tuple[Question, ...]
    paths: tuple[tuple[str, ...], ...]
    drawn: int
    right: int
    accepted: int

    @property
    def distinct(self) -> int:
        """Number of kept solutions."""
        return sum(map(len, self.paths))


def keep_paths(samples: Sequence[Answered], progress: Callable[[int], None] = lambda questions: None) -> Kept:
    """The distinct accepted solutions to each question.

    A sample that equals the reference is kept like any other, as in RFT; together with the reference it occurs twice.

    Raises:
      SamplesError: if the reference of a question has no answer after "####".
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
