"""Existing verdicts from a file: ours, those of AlpacaEval's annotators, or people's."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax.data.instruction_files.conversation import INSTRUCTION, question_of
from flan_jax.errors import UserError
from flan_jax.evaluation.judges.answers import Pair, read_rows
from flan_jax.evaluation.judges.pairwise import PairwiseJudge, Verdict, comparisons, decided
from flan_jax.metrics.length_controlled import Comparisons, instruction_hash

HASH = 'instruction_hash'


@dataclasses.dataclass(frozen=True)
class VerdictFile(PairwiseJudge):
    """Looks verdicts up by the hash of the instruction.

    A line has 'preference', from 1 for A (AlpacaEval's output_1) to 2 for B, 0 for a tie, null if undecided, and
    'instruction' or 'instruction_hash'. If it also has the answers, they must be the same.

    Attributes:
      path: a file of JSON lines, or a JSON list.
    """

    path: str

    @property
    def recipe(self):
        return {'kind': 'file', 'name': epath.Path(self.path).name}

    def verdicts(self, pairs: Sequence[Pair]) -> list[Verdict]:
        known: dict[str, tuple[str, Mapping]] = {}
        for where, row in read_rows(self.path):
            name = hash_of(where, row)
            if name in known:
                raise UserError(f'{where}: second verdict on the same instruction')
            known[name] = where, row
        return [self._verdict(pair, known) for pair in pairs]

    def _verdict(self, pair: Pair, known: Mapping[str, tuple[str, Mapping]]) -> Verdict:
        if instruction_hash(pair.prompt) not in known:
            raise UserError(
                f'{self.path}: no verdict on {pair.prompt[:80]!r}; verdicts are matched by their instruction'
            )
        where, row = known[instruction_hash(pair.prompt)]
        for name, answer in (('output_1', pair.answer_a), ('output_2', pair.answer_b)):
            if row.get(name, answer) != answer:
                raise UserError(f'{where}: {name} differs from the judged answer')
        return Verdict(pair, _orders(where, row), row.get('evidence', {}))


def read_verdicts(path: epath.PathLike) -> list[Verdict]:
    """The verdicts of a file whose lines have instruction, output_1, output_2 and preference.

    Raises:
      UserError: if a line lacks one of them, which is named, or the file has no verdicts.
    """
    found = []
    for where, row in read_rows(path):
        texts: list[Any] = [_question(where, row), row.get('output_1'), row.get('output_2')]
        if not all(isinstance(text, str) for text in texts):
            raise UserError(f'{where}: a verdict needs instruction, output_1 and output_2 as strings')
        found.append(Verdict(Pair(*texts), _orders(where, row), row.get('evidence', {})))
    if not found:
        raise UserError(f'{path}: contains no verdicts')
    return found


def hash_of(where: str, row: Mapping) -> str:
    """The hash of the instruction that a verdict is on, by which verdicts and answers are matched."""
    return row.get(HASH) or instruction_hash(_question(where, row) or '')


def _question(where: str, row: Mapping) -> str | None:
    """What a verdict is on, with the `input` of its instruction where it stands apart; None where it does not say."""
    return question_of(where, row, INSTRUCTION)[0] if isinstance(row.get(INSTRUCTION), str) else None


def comparisons_with(baseline: Mapping[str, str], path: epath.PathLike) -> Comparisons:
    """The comparisons of a file of verdicts against one baseline.

    Raises:
      UserError: as `read_verdicts`; or if no verdict has a prompt of the baseline, or A's answer is not its.
    """
    verdicts = decided(read_verdicts(path))
    if not any(verdict.pair.prompt in baseline for verdict in verdicts):
        raise UserError(f'{path}: has no verdict on any prompt that A answers')
    for verdict in verdicts:
        if baseline.get(verdict.pair.prompt, verdict.pair.answer_a) != verdict.pair.answer_a:
            raise UserError(
                f'{path}: output_1 is another answer to {verdict.pair.prompt[:80]!r} than in A; to fit '
                'difficulties, all verdicts must be against the same baseline'
            )
    return comparisons(verdicts)


def _orders(where: str, row: Mapping) -> tuple[float, ...]:
    preference = row.get('preference', '')
    if preference is None or preference != preference:  # AlpacaEval writes NaN
        return ()
    if isinstance(preference, bool) or not isinstance(preference, int | float) or not _allowed(preference):
        raise UserError(f'{where}: preference is {preference!r}; it must be from 1 to 2, 0 for a tie, or null')
    orders = row.get('orders') or (0.5 if preference == 0 else preference - 1,)
    return tuple(map(float, orders))


def _allowed(preference: float) -> bool:
    return preference == 0 or 1 <= preference <= 2
