"""A wheel installed elsewhere holds all that an editable install shows."""

import pathlib
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
print(configuration.load(['gin/runs/quickstart.gin'], {}).data.held_out)
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


def test_nothing_else_is_installed_at_the_top(wheel_folder):
    names = {path.name for path in wheel_folder.iterdir() if not path.name.endswith('.dist-info')}
    assert names - {'bin', '__pycache__'} == {'flan_jax'}


def test_gin_is_still_the_library():
    code = 'import gin; gin.clear_config(); print(gin.__file__)'
    found = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert 'site-packages' in found
