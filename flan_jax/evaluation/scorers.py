"""Scorers: functions from a question and its answers to a number for each answer; higher is better."""

import json
import pathlib
from collections.abc import Callable, Sequence

from flan_jax.errors import UnknownName, UserError
from flan_jax.evaluation.samples import Answered, Question
from flan_jax.files import read_utf8
from flan_jax.metrics.solutions import final_answer, is_right

Scorer = Callable[[Answered], list[float]]


def right(answered: Answered) -> list[float]:
    """1 for a solution with the reference's final answer, else 0; raises UserError if the reference has none."""
    require_references('right', [answered.question])
    return [float(is_right(answer, answered.question.reference)) for answer in answered.answers]


def fewer_words(answered: Answered) -> list[float]:
    """The number of words, negative."""
    return [-float(len(answer.split())) for answer in answered.answers]


SCORERS: dict[str, Scorer] = {'right': right, 'fewer_words': fewer_words}


def require_references(name: str, questions: Sequence[Question]) -> None:
    """Raises UserError if a scorer needs references with a final answer, and a question has none."""
    lacking = [question for question in questions if final_answer(question.reference) is None]
    if name == 'right' and lacking:
        raise UserError(
            f"the scorer right compares with the number after '####' in a reference, and that of the question "
            f'{lacking[0].prompt[:60]!r} has none: {lacking[0].reference[-60:]!r}; add references as "completion", or '
            'take another scorer'
        )


def scores_by(name: str, samples: Sequence[Answered]) -> list[list[float]]:
    """The scores of all answers, by a scorer's name or from a file.

    A file has a JSON line for each question, in the same order, such as {"scores": [0.5, -1.2]}.

    Raises:
      UnknownName: if the name is neither a scorer nor a file.
      UserError: if a file does not have a number for each answer.
    """
    if name in SCORERS:
        return [SCORERS[name](answered) for answered in samples]
    if not name.endswith('.jsonl'):
        raise UnknownName('scorer', name, [*SCORERS, 'FILE.jsonl'])
    path = pathlib.Path(name)
    if not path.is_file():
        raise UserError(f'{path}: no such file of scores')
    lines = [line for line in read_utf8(path).split('\n') if line.strip()]
    if len(lines) != len(samples):
        raise UserError(f'{path}: scores of {len(lines)} questions, where {len(samples)} are sampled')
    return [
        _scores_of(line, f'{path}, line {number}', len(answered.answers))
        for number, (line, answered) in enumerate(zip(lines, samples), start=1)
    ]


def _scores_of(line: str, where: str, count: int) -> list[float]:
    try:
        scores = [float(score) for score in json.loads(line)['scores']]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f'{where}: expected an object such as {{"scores": [0.5, -1.2]}}') from error
    if len(scores) != count:
        raise UserError(f'{where}: {len(scores)} scores for {count} answers')
    return scores
