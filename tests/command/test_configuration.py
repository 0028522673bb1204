"""gin files and bindings become an experiment; every run file that is shipped is sound."""

import dataclasses
import subprocess
import sys

import pytest

from flan_jax.command import configuration
from flan_jax.errors import UserError
from flan_jax.run import Run
from flan_jax.training.flops import parameter_count

GIVEN = {'MODEL_DIR': '/tmp/run', 'TFDS_DATA_DIR': '/tmp/data'}
RUNS = [file for file in configuration.known_files() if file.startswith('gin/runs/') and 'defaults' not in file]
ALSO_REQUIRED = {
    'MIXTURE_OR_TASK_NAME': 'flan',
    'HELD_OUT': 'sentiment',
    'INITIAL_CHECKPOINT_PATH': '/tmp/checkpoint',
    'VOCABULARY': '/tmp/pieces.model',
}
MODELS = [file for file in configuration.known_files() if file.startswith('gin/models/')]


@pytest.mark.parametrize('file', RUNS)
def test_every_run_file_is_sound_and_opens_with_what_it_does(file):
    experiment = configuration.load([file], GIVEN | ALSO_REQUIRED)
    assert isinstance(experiment, Run)
    head = (configuration.files_root() / file).read_text().split('\n\n')[0]
    assert all(line.startswith('#') for line in head.splitlines())
    assert 'flan-jax' in head and 'Result' in head and 'Time' in head


@pytest.mark.parametrize('file', MODELS)
def test_every_model_file_makes_a_decoder(file):
    model = configuration.load(['gin/runs/defaults.gin', file], GIVEN).model
    assert parameter_count(model) > 0


def test_bindings_win_over_files():
    experiment = configuration.load(
        ['gin/runs/quickstart.gin'],
        {'TRAIN_STEPS': '7', 'HELD_OUT': 'sentiment', 'EVAL_TASKS': "('rte', 'cb')", 'Training.weight_decay': '0.1'},
    )
    assert experiment.training.steps == 7 and experiment.training.weight_decay == 0.1
    assert experiment.data.held_out == 'sentiment'
    assert experiment.evaluation.targets == ('rte', 'cb')


def test_the_environment_gives_what_nothing_else_does(monkeypatch):
    monkeypatch.setenv('TFDS_DATA_DIR', '/from/environment')
    files = ['gin/runs/defaults.gin', 'gin/models/lamda_2b.gin']
    assert configuration.load(files, {'MODEL_DIR': 'x'}).data.tfds_data_dir == '/from/environment'
    assert configuration.load(files, GIVEN).data.tfds_data_dir == '/tmp/data'
    assert configuration.load(['gin/runs/quickstart.gin'], {}).data.tfds_data_dir == 'out/samples'


def test_what_is_missing_is_said_all_at_once(monkeypatch):
    monkeypatch.delenv('TFDS_DATA_DIR', raising=False)
    with pytest.raises(UserError, match='MODEL_DIR, TFDS_DATA_DIR; add --gin.MODEL_DIR=... --gin.TFDS_DATA_DIR=...'):
        configuration.load(['gin/runs/defaults.gin', 'gin/models/lamda_2b.gin'], {})


def test_every_setting_has_a_macro_or_keeps_its_default():
    """A setting that only code can reach would be one that no gin file explains."""
    text = (configuration.files_root() / 'gin/runs/defaults.gin').read_text()
    experiment = configuration.load(['gin/runs/defaults.gin', 'gin/models/lamda_2b.gin'], GIVEN)
    for part in (
        experiment.data,
        experiment.stream,
        experiment.training,
        experiment.parallelism,
        experiment.evaluation,
    ):
        for field in dataclasses.fields(part):
            bound = f'{type(part).__name__}.{field.name} = %' in text
            assert bound or field.default is not dataclasses.MISSING, f'{type(part).__name__}.{field.name}'


def test_the_command_can_be_given_again():
    command = configuration.command('run', ['gin/runs/quickstart.gin'], {'EVAL_TASKS': "('rte',)", 'SEED': '3'})
    assert (
        command
        == """flan-jax run --gin_file=gin/runs/quickstart.gin '--gin.EVAL_TASKS=('"'"'rte'"'"',)' --gin.SEED=3"""
    )


def test_finding_a_file_of_the_project_from_elsewhere_logs_no_error(tmp_path):
    code = "from flan_jax.command import configuration; configuration.load(['gin/runs/quickstart.gin'], {})"
    said = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert 'Path not found' not in said.stderr
