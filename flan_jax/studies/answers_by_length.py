"""Reads answers and their references from published files and from our own records."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from flan_jax.data.example_files import read_file
from flan_jax.errors import UserError
from flan_jax.evaluation.records import BASE, FOLDER, STEP

OF_TEXTS = {'GPT-4': 'output'}
"""Models to the keys of their answers in the published file; other keys are the model's name."""

_NO_ANSWERS = ('instruction', 'input', 'label')


def references_and_answers(file: pathlib.Path) -> tuple[list[str], dict[str, list[str]]]:
    """The references of a file, and the answers to each of them by model.

    The published file has the reference under 'label', and a model's answer under every other key. A file of records
    has the answers of one model, named as in `flan-jax evaluate NAME=MODEL`, or by its run and step.

    Raises:
      UserError: for a row in neither format, or without the answers of all models.
    """
    rows = list(read_file(file))
    if not rows:
        raise UserError(f'{file}: contains no answers')
    if 'prediction' in rows[0][1]:
        references = [_text(where, (row.get('references') or [None])[0], 'references') for where, row in rows]
        return references, {_model(file): _texts(rows, 'prediction')}
    references = _texts(rows, 'label')
    keys = [key for key in rows[0][1] if key not in _NO_ANSWERS]
    if not keys:
        raise UserError(
            f'{file}: has references, but no answers; each row needs "label", and "output" or other keys with answers'
        )
    called = {key: name for name, key in OF_TEXTS.items()}
    return references, {called.get(key, key): _texts(rows, key) for key in keys}


def _model(file: pathlib.Path) -> str:
    """The model's name for records at FOLDER/evaluation/MODEL/DATASET/FILE, with its run if it is a run's step."""
    folders = file.resolve().parts
    if len(folders) < 5 or folders[-4] != FOLDER:
        return file.stem
    is_of_run = folders[-3] == BASE or folders[-3].startswith(STEP)
    return f'{folders[-5]}, {folders[-3]}' if is_of_run else folders[-3]


def _texts(rows: Sequence[tuple[str, Mapping[str, Any]]], key: str) -> list[str]:
    return [_text(where, row.get(key), key) for where, row in rows]


def _text(where: str, value: Any, key: str) -> str:
    if not isinstance(value, str):
        what = (
            'the reference, "label", is missing or not a string'
            if key == 'label'
            else (f'{key}={value!r} is not a string')
        )
        raise UserError(f'{where}: {what}')
    return value
