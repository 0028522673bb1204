"""A wheel installed elsewhere holds all that an editable install shows."""

import ast
import importlib.metadata
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

LOOK = """
import pathlib, flan_jax, flan_jax.tasks
from flan_jax.command import configuration
from flan_jax.data import prepare
from flan_jax import catalogue
from flan_jax.tokenizers.vocabulary import Vocabulary
catalogue.load()
print(pathlib.Path(flan_jax.__file__).parents[1])
print(sum(len(prepare.sample_files(d)) for d in catalogue.DATASETS.values()), len(Vocabulary()))
print(*configuration.known_files())
print(configuration.load(['gin/runs/tiny.gin'], {}).data.held_out)
"""


def look(folder, **environment):
    command = [sys.executable, '-c', LOOK]
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.fixture(scope='module')
def wheel_folder(tmp_path_factory):
    """A folder into which the wheel is unpacked as pip unpacks it."""
    folder = tmp_path_factory.mktemp('wheel')
    pip = [sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check']
    wheel = [*pip, 'wheel', '--no-deps', '--no-build-isolation', f'--wheel-dir={folder}', str(ROOT)]
    subprocess.run(wheel, check=True, capture_output=True)
    (built,) = folder.glob('flan_jax-*.whl')
    subprocess.run([*pip, 'install', '--no-deps', f'--target={folder / "site"}', str(built)], check=True)
    return folder / 'site'


def test_the_wheel_holds_what_the_editable_install_shows(wheel_folder, tmp_path):
    editable = look(tmp_path)
    wheel = look(tmp_path, PYTHONPATH=str(wheel_folder))
    assert (editable[0], wheel[0]) == (str(ROOT), str(wheel_folder))
    assert editable[1:] == wheel[1:]


def test_the_wheel_holds_every_module(wheel_folder):
    """A folder without an __init__.py would be left out, and only be missed where nothing is editable."""
    expected = {path.relative_to(ROOT) for path in (ROOT / 'flan_jax').rglob('*.py')}
    expected |= {'flan_jax' / path.relative_to(ROOT) for path in (ROOT / 'tasks').rglob('*.py')}
    found = {path.relative_to(wheel_folder) for path in (wheel_folder / 'flan_jax').rglob('*.py')}
    assert expected and expected <= found


def test_nothing_else_is_installed_at_the_top(wheel_folder):
    names = {path.name for path in wheel_folder.iterdir() if not path.name.endswith('.dist-info')}
    assert names - {'bin', '__pycache__'} == {'flan_jax'}


def test_gin_is_still_the_library():
    code = 'import gin; gin.clear_config(); print(gin.__file__)'
    found = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 'site-packages' in found


# Bought for a dependency that does not declare it: see setup.py.
FOR_OTHERS = {'importlib-resources', 'tensorboard'}


def imported_distributions(*folders):
    """The distributions whose modules Python files import, at the top or in functions."""
    files = [path for folder in folders for path in (ROOT / folder).rglob('*.py')]
    nodes = [node for path in files for node in ast.walk(ast.parse(path.read_text()))]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    outside = {name.partition('.')[0] for name in names} - set(sys.stdlib_module_names) - {'flan_jax'}
    known = importlib.metadata.packages_distributions()
    return {module: {normalised(found) for found in known[module]} for module in outside}


def normalised(requirement):
    return re.split(r'[\[<>=! ]', requirement)[0].lower().replace('_', '-')


def declared():
    """Names of the distributions that setup.py asks for."""
    call = next(
        node
        for node in ast.walk(ast.parse((ROOT / 'setup.py').read_text()))
        if isinstance(node, ast.keyword) and node.arg == 'install_requires'
    )
    return {normalised(requirement) for requirement in ast.literal_eval(call.value)}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported():
    imported = imported_distributions('flan_jax', 'tasks')
    assert not {module: found for module, found in imported.items() if not found & declared()}
    assert declared() - set().union(*imported.values()) == FOR_OTHERS


def test_what_is_declared_has_a_version_in_the_constraints():
    pinned = {normalised(line) for line in (ROOT / 'constraints.txt').read_text().splitlines() if '==' in line}
    assert declared() <= pinned
