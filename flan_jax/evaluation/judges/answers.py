"""Answers of a model to prompts, as files keep them, and the pairs that two models make."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etils import epath

from flan_jax.data.instruction_files.conversation import question_of
from flan_jax.errors import UserError
from flan_jax.files import read_utf8

KEYS = (('prompt', 'answer'), ('instruction', 'output'), ('prompt', 'prediction'))
"""What files call a prompt and its answer: `flan-jax generate --output`, AlpacaEval, and our records of evaluation."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """Two answers to one prompt.

    Attributes:
      prompt: what is asked.
      answer_a, answer_b: the answers.
      context: the part of the prompt that it is about and with which it ends, where that is known; empty for none.
    """

    prompt: str
    answer_a: str
    answer_b: str
    context: str = ''


def read_answers(path: epath.PathLike) -> dict[str, str]:
    """The answer to each prompt of a file of JSON lines, or of a JSON list.

    Raises:
      UserError: naming what is wrong with the file.
    """
    answers: dict[str, str] = {}
    for where, row in read_rows(path):
        prompt, answer = _texts(where, row)
        if answers.setdefault(prompt, answer) != answer:
            raise UserError(f'{where}: another answer to a prompt that stands there already: {prompt[:80]!r}')
    if not answers:
        raise UserError(f'{path}: holds no answers')
    return answers


def read_rows(path: epath.PathLike) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a file of JSON lines, or of a JSON list, each with where it stands."""
    path = epath.Path(path)
    if not path.is_file():
        raise UserError(f'{path}: no such file')
    text = read_utf8(path)
    if text.lstrip().startswith('['):
        rows = [(f'{path}, entry {i}', part) for i, part in enumerate(_parsed(str(path), text), start=1)]
    else:
        lines = ((f'{path}, line {i}', line) for i, line in enumerate(text.split('\n'), start=1) if line.strip())
        rows = [(where, _parsed(where, line)) for where, line in lines]
    for where, row in rows:
        if not isinstance(row, dict):
            raise UserError(f'{where}: expected an object, not {row!r}')
        yield where, row


def paired(a: Mapping[str, str], b: Mapping[str, str]) -> list[Pair]:
    """The answers to the prompts that both have.

    Raises:
      UserError: if one has prompts that the other lacks.
    """
    if alone := [prompt for prompt in (*a, *b) if prompt not in a or prompt not in b]:
        raise UserError(
            f'{len(alone)} of {len({*a, *b})} prompts have an answer in one of the two files only, such as '
            f'{alone[0][:80]!r}; both models must answer the same prompts'
        )
    return [Pair(prompt, a[prompt], b[prompt]) for prompt in a]


def _parsed(where: str, text: str):
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f'{where}: is no JSON: {error}') from error


def _texts(where: str, row: Mapping[str, Any]) -> Sequence[str]:
    for asked, answer in KEYS:
        if isinstance(row.get(asked), str) and isinstance(row.get(answer), str):
            return [question_of(where, row, asked)[0], row[answer]]
    raise UserError(f'{where}: expected texts called {" or ".join("/".join(keys) for keys in KEYS)}')
