"""Verdicts in a study's files: those of any judge are read, and missing ones are added by our judge."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax.errors import UserError
from flan_jax.evaluation.judges.answers import Pair, read_rows
from flan_jax.evaluation.judges.pairwise import PairwiseJudge, Verdict
from flan_jax.evaluation.judges.verdict_file import VerdictFile, hash_of
from flan_jax.files import write_whole
from flan_jax.metrics.length_controlled import instruction_hash
from flan_jax.progress import CONSOLE


def kept_verdicts(
    path: epath.PathLike, pairs: Sequence[Pair], open_judge: Callable[[], PairwiseJudge]
) -> tuple[list[Verdict], str]:
    """The verdicts on pairs of answers, and the judge's name in the file.

    Args:
      path: the file, to which missing verdicts are added.
      pairs: the pairs of answers.
      open_judge: opens the judge; called only if verdicts are missing.

    Raises:
      UserError: if a file lacks verdicts and is of another judge, or has verdicts on other answers.
    """
    path = epath.Path(path)
    found = list(read_rows(path)) if path.exists() else []
    known = {hash_of(where, row) for where, row in found}
    rows = [row for _, row in found]
    missing = [pair for pair in pairs if instruction_hash(pair.prompt) not in known]
    verdicts = _read(path, [pair for pair in pairs if instruction_hash(pair.prompt) in known])
    if missing:
        rows += _judged(path, rows, missing, open_judge())
        write_whole(path, ''.join(f'{json.dumps(row, ensure_ascii=False)}\n' for row in rows))
        verdicts = _read(path, pairs)
    else:
        CONSOLE.print(f'verdicts exist already, by {_named(rows[0])}: {path}', soft_wrap=True)
    return verdicts, _named(rows[0])


def _read(path: epath.Path, pairs: Sequence[Pair]) -> list[Verdict]:
    """The file's verdicts on pairs; raises UserError if they are on other answers."""
    if not pairs:
        return []
    try:
        return VerdictFile(str(path)).verdicts(pairs)
    except UserError as error:
        raise UserError(f'{error}. To judge all answers again, remove {path} and run the command again') from error


def _judged(path: epath.Path, rows: Sequence[Mapping], missing: Sequence[Pair], judge: PairwiseJudge) -> list[dict]:
    """The judge's verdicts as records for the file; raises UserError if the file's are of another judge."""
    recipe = json.loads(json.dumps(judge.recipe))
    if rows and rows[0].get('judge') != recipe:
        raise UserError(
            f'{path} has no verdict on {len(missing)} answers, such as the answer to {missing[0].prompt[:80]!r}; '
            f'existing verdicts are by {_named(rows[0])}; add the missing ones, or remove the file to judge all '
            'answers again'
        )
    return [verdict.as_record(recipe) for verdict in judge.verdicts(missing)]


def _named(row: Mapping[str, Any]) -> str:
    """The judge's name in a record of the file."""
    said = row.get('judge') or {'kind': 'a judge not named in the file'}
    if isinstance(said, str):
        return said
    return ' '.join(str(said[key]) for key in ('kind', 'model', 'name') if key in said)
