"""The code is as docs/architecture.md shows: imports go one way, files are short, and old words are gone."""

import ast
import pathlib
import re
import subprocess

import draw_architecture
import pytest

ROOT = pathlib.Path(__file__).parents[1]

SOURCES = sorted((ROOT / 'flan_jax').rglob('*.py'))

LONGEST_FILE, LONGEST_FUNCTION, MOST_PARAMETERS = 400, 45, 7

OLD_WORDS = (
    'Questionnaire', 'Interviewer', 'Surroundings', 'remembering_more', 'room_to_write', 'side_by_side',
    'rematerialise', 'layers_apart', 'turned_around', 'belongs_to', 'batch_rows', 'row_length', 'untuned', 'asked_rows',
    'experiment_verb',
)  # fmt: skip
"""Private words that were replaced by the field's."""


def test_the_page_shows_the_packages_and_their_imports():
    assert draw_architecture.page() == draw_architecture.PAGE.read_text(), 'run python scripts/draw_architecture.py'


def test_an_import_cycle_is_found():
    with pytest.raises(ValueError, match='import cycle: a -> b -> a'):
        draw_architecture.levels({'a': {'b'}, 'b': {'a'}})


def test_no_package_imports_one_above_it():
    packages = draw_architecture.arrows()
    level_of = draw_architecture.levels(packages)
    assert len(packages) > 15 and all(
        level_of[t] < level_of[package] for package, targets in packages.items() for t in targets
    )


def test_only_tests_import_the_tests():
    others = [path for folder in ('tasks', 'scripts', 'benchmarks') for path in (ROOT / folder).rglob('*.py')]
    pattern = re.compile(r'^\s*(from|import) tests\b', re.MULTILINE)
    assert others and not [path for path in (*SOURCES, *others) if pattern.search(path.read_text())]


def test_files_are_short():
    long = {path.name: lines for path in SOURCES if (lines := len(path.read_text().splitlines())) > LONGEST_FILE}
    assert not long


@pytest.mark.parametrize('path', SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short_and_take_few_parameters(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
            count = len([name for name in names if name not in ('self', 'cls')])
            assert node.end_lineno - node.lineno < LONGEST_FUNCTION, f'{node.name} is long'
            assert count <= MOST_PARAMETERS, f'{node.name} takes {count} parameters'


def test_old_words_are_gone():
    words = '|'.join(OLD_WORDS)
    found = subprocess.run(
        ['git', 'grep', '-nwE', words, '--', ':!tests/test_architecture.py', ':!flan_jax/command/renamed.py'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    allowed = re.compile(r'tests/command/test_(configuration|main)\.py')  # old names must fail with the new
    assert not [line for line in found.stdout.splitlines() if not allowed.match(line)]
