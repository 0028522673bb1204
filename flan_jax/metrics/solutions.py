"""Worked solutions as GSM8K writes them: equations in <<left=right>>, the answer after ####.

A solution is right by the criterion of RFT (Yuan et al. 2023, arXiv 2308.01825, section 3.3; its
collect_rejection_sampling.py): the final answer equals the reference's as a number, and every equation holds.
"""

import re
from collections.abc import Sequence

from flan_jax.metrics.arithmetic import evaluate
from flan_jax.metrics.judgement import Judgement, Scores
from flan_jax.metrics.metric import Metric, percent

TOLERANCE = 1e-3
"""Tolerance: an equation holds if its sides differ by less."""

_EQUATION = re.compile(r'<<([^>]*)>>')
_ANSWER = re.compile(r'#### (-?[0-9.,]+)')


def equations(solution: str) -> list[str]:
    """The texts between << and >>, in order."""
    return _EQUATION.findall(solution)


def holds(equation: str) -> bool:
    """Whether the text before the first "=" has the value of the text between the first and the second "=".

    The right side is one number; a fraction there fails, as does a comma on either side, and division by zero.
    """
    left, *rights = equation.split('=')
    try:
        return bool(rights) and abs(evaluate(left) - float(rights[0])) < TOLERANCE
    except ValueError:  # which an ExpressionError is too
        return False


def final_answer(solution: str) -> str | None:
    """The number after the first "####", without commas; None if there is none."""
    match = _ANSWER.search(solution)
    text = match[1].replace(',', '') if match else ''
    return text if _is_number(text) else None


def same_answer(one: str | None, other: str | None) -> bool:
    """Whether two final answers are the same number."""
    return one is not None and other is not None and float(one) == float(other)


def is_right(solution: str, reference: str) -> bool:
    """Whether a solution arrives at the reference's answer."""
    return same_answer(final_answer(solution), final_answer(reference))


def is_sound(solution: str) -> bool:
    """Whether every equation of a solution holds; true of a solution without equations."""
    return all(map(holds, equations(solution)))


def equation_key(solution: str) -> str:
    """The key by which solutions are deduplicated: their equations in order, without spaces."""
    return '|'.join(equations(solution)).replace(' ', '')


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def marked_answer(judgements: Sequence[Judgement]) -> Scores:
    """Share of solutions that arrive at a reference's answer, the number after "####"."""
    return {'marked_answer': percent([any(is_right(j.prediction, r) for r in j.references) for j in judgements])}


METRICS = {'marked_answer': Metric(marked_answer, 'marked_answer')}
