"""`flan-jax doctor MODEL_DIR` reads all that a run left, and names what is damaged."""

import json
import os

import jax.numpy as jnp
import pytest
from etils import epath

from flan_jax.command import main
from flan_jax.command.inspect_run import checks_of_run
from flan_jax.evaluation import records
from flan_jax.evaluation.records import RecordKey
from flan_jax.training import checkpoints, metrics_log


@pytest.fixture
def run(tmp_path):
    """The folder of a run with two checkpoints, a log and records."""
    for step in (1, 2):
        params = {'a': jnp.arange(4096.0) * step, 'b': jnp.ones((2, 3))}
        checkpoints.save_params(tmp_path / checkpoints.FOLDER / str(step), params, {})
    (tmp_path / metrics_log.FILE).write_text('{"step": 1, "loss": 2.0}\n')
    folder = epath.Path(tmp_path / records.FOLDER / 'step_2' / 'rte-1')
    folder.mkdir(parents=True)
    (folder / records.SETTINGS_FILE).write_text(json.dumps({}))
    key = {'dataset': 'rte', 'variant': '', 'template': 0, 'split': 'test', 'shots': 0}
    records.write(folder, RecordKey(**key), [key, key])
    return tmp_path


def wrong(run):
    return {name: message for name, _, message in checks_of_run(run) if message}


def test_a_sound_run_is_found_sound(run, capsys):
    assert main.main(['doctor', str(run)]) == 0
    found = {name: what for name, what, _ in checks_of_run(run)}
    assert found['checkpoint 1'] == found['checkpoint 2'] == '2 arrays match their digests'
    assert found['metrics'] == '1 lines' and found['records'] == '2 records'


def test_each_damage_is_named(run):
    data = [path for path in (run / 'checkpoints' / '1' / 'params').rglob('*') if path.is_file()]
    largest = max(data, key=lambda path: path.stat().st_size)
    os.truncate(largest, largest.stat().st_size // 2)
    assert wrong(run).keys() == {'checkpoint 1'} and '/checkpoints/1' in wrong(run)['checkpoint 1']
    (run / metrics_log.FILE).write_text('{"step"')
    (run / 'manifest.json').write_text('{')
    (record,) = run.glob('evaluation/*/*/*.jsonl')
    record.write_bytes(record.read_bytes()[:-5])
    assert wrong(run).keys() == {'checkpoint 1', 'metrics', 'manifest', 'stream', 'records'}
    assert main.main(['doctor', str(run)]) == 1


def test_a_folder_that_is_not_there_is_named(tmp_path, capsys):
    assert main.main(['doctor', str(tmp_path / 'nothing')]) == 2
    assert 'no such folder; give the MODEL_DIR of a run' in capsys.readouterr().err
    assert main.main(['doctor', str(tmp_path)]) == 2, 'where nothing is, nothing is sound'
    assert 'contains no run' in capsys.readouterr().err
