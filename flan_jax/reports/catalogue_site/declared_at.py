"""Finds the source of a declaration: its file, the line of the dataset, and the lines of its templates."""

import ast
import dataclasses
import functools
import pathlib
import re
import sys

from flan_jax.catalogue.declaration import Dataset


@dataclasses.dataclass(frozen=True)
class DeclaredAt:
    """The source location of a declaration.

    Attributes:
      file: folder and name of the module.
      line: line of the dataset's name, or of the f-string that yields it.
      templates: the line of each template; the dataset's line for templates made by code.
    """

    file: str
    line: int
    templates: tuple[int, ...]


def declared_at(dataset: Dataset) -> DeclaredAt | None:
    """Where a dataset is declared; None if no module has it in DATASETS, as for a user's prepared files."""
    file = next((module.__file__ for module in list(sys.modules.values()) if _lists(module, dataset)), None)
    if file is None:
        return None
    path = pathlib.Path(file).resolve()
    tree = _tree(path)
    line = _line_of_name(tree, dataset.name)
    texts = _lines_of_texts(tree)
    lines = tuple(texts.get(template.inputs, line) for template in dataset.templates)
    return DeclaredAt('/'.join(path.parts[-2:]), line, lines)


def _lists(module, dataset: Dataset) -> bool:
    found = vars(module).get('DATASETS')
    return isinstance(found, tuple | list) and any(declared is dataset for declared in found)


@functools.cache
def _tree(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text('utf-8'))


def _line_of_name(tree: ast.Module, name: str) -> int:
    """The line of the argument that is a dataset's name, or of an f-string that may yield it; 1 if there is none."""
    arguments = [
        value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for value in (*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == 'name'))
    ]
    exact = [value.lineno for value in arguments if isinstance(value, ast.Constant) and value.value == name]
    made = [value.lineno for value in arguments if isinstance(value, ast.JoinedStr) and _may_become(value, name)]
    return next(iter(exact + made), 1)


def _may_become(text: ast.JoinedStr, name: str) -> bool:
    parts = (re.escape(str(part.value)) if isinstance(part, ast.Constant) else r'\w+' for part in text.values)
    return re.fullmatch(''.join(parts), name) is not None


def _lines_of_texts(tree: ast.Module) -> dict[str, int]:
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {node.value: node.lineno for node in constants if isinstance(node.value, str)}
