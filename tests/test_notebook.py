"""The notebook runs from its first cell to its last, in a folder of its own, and means what it says."""

import json
import math
import pathlib

import pytest

import flan_jax
from flan_jax.errors import UnknownName, UserError

NOTEBOOK = json.loads((pathlib.Path(__file__).parents[1] / 'docs' / 'first_steps.ipynb').read_text())


def code(cell) -> str:
    return ''.join(cell['source'])


def test_it_is_kept_without_outputs():
    assert NOTEBOOK['nbformat'] == 4 and all(
        set(cell) >= {'cell_type', 'metadata', 'source'} for cell in NOTEBOOK['cells']
    )
    assert not any(cell.get('outputs') or cell.get('execution_count') for cell in NOTEBOOK['cells'])


def test_every_cell_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for cell in NOTEBOOK['cells']:
        if cell['cell_type'] == 'code':
            exec(compile(code(cell), 'first_steps.ipynb', 'exec'), names)
    said = capsys.readouterr().out
    assert names['asked'].options == ('yes', 'no')
    assert len(names['scores']) == len(names['asked'].options) and all(map(math.isfinite, names['scores']))
    assert all(isinstance(text, str) for text in (names['answer'], *names['several'], names['reply']))
    assert (tmp_path / 'out/notebook/mine/run.gin').is_file() and 'did you mean steps?' in said
    assert names['mine'].score('Name a fruit.', ['A fig.']) != names['model'].score('Name a fruit.', ['A fig.'])


def test_a_command_from_python_raises_what_the_shell_prints():
    with pytest.raises(UnknownName, match="command 'runn'"):
        flan_jax.call('runn')
    with pytest.raises(UserError, match='flan-jax tune ended with status 2'):
        flan_jax.call('tune', colour='red')
    with pytest.raises(UserError):
        flan_jax.call('tasks', 'show', 'no_such_dataset')
    with pytest.raises(UserError, match='as separate arguments'):
        flan_jax.call('run', gin_file=['gin/runs/tiny.gin', 'gin/runs/dpo.gin'])
