"""A run that tunes a soft prompt is used like any other run: stopped, evaluated, asked, sharded; but not merged."""

import json
import pathlib

import numpy as np
import pytest
from etils import epath

from flan_jax.command import configuration, main
from flan_jax.command.libraries import prepare_libraries
from flan_jax.command.train import prepare_tuning
from flan_jax.distributed.mesh import Parallelism, make_mesh
from flan_jax.errors import UserError
from flan_jax.loaded_model import checkpoint_in, load
from flan_jax.training import checkpoints
from flan_jax.training.weights import content_of
from tests import forked
from tests.command.converted_base import PROMPTS, run_command, settings_on_base, write_base

LABELS = ('yes', 'no')


def settings_of(folder, samples_dir, **changes):
    settings = settings_on_base(folder, samples_dir) | {
        'MIXTURE_OR_TASK_NAME': 'rte', 'EVAL_TASKS': ('rte',), 'EVAL_LIMIT': 3, 'Evaluation.templates': (0,),
        'Prompt.length': 7, 'Prompt.labels': LABELS,
    }  # fmt: skip
    return settings | changes


def command(verb, folder, samples_dir, **changes):
    """Runs a command on the run's settings in this process."""
    return run_command(verb, folder, settings_of(folder, samples_dir, **changes))


@pytest.fixture(scope='module')
def folder(tmp_path_factory, samples_dir) -> epath.Path:
    """A folder with a converted base model `base`, and a run on it, `run`, trained and evaluated."""
    folder = write_base(tmp_path_factory.mktemp('prompt'), 'Prompt')
    assert command('run', folder, samples_dir) == 0
    return folder


def prompt_of(run):
    return np.asarray(content_of(checkpoint_in(run)).trained(make_mesh(Parallelism()))['prompt'])


def test_a_checkpoint_holds_the_prompt_alone_and_loads_beside_its_base(folder):
    saved = checkpoint_in(folder / 'run')
    assert {name: tuple(value.shape) for name, value in checkpoints.parameter_metadata(saved).items()} == {
        'prompt': (7, 32)
    }
    assert sum(file.stat().st_size for file in pathlib.Path(saved).rglob('*') if file.is_file()) < 30_000
    tuned, base = load(folder / 'run').params, load(folder / 'base').params
    assert set(tuned) == {*base, 'prompt'}
    for name, value in base.items():
        np.testing.assert_array_equal(tuned[name], value, err_msg=name)


def test_rows_begin_as_the_labels_of_the_runs_vocabulary(folder, samples_dir):
    """What a step at a learning rate of 1e-9 leaves is what the rows began as."""
    changes = {'MODEL_DIR': folder / 'fresh', 'TRAIN_STEPS': 1, 'LEARNING_RATE': 1e-9}
    assert command('train', folder, samples_dir, **changes) == 0
    base = load(folder / 'base')
    expected = [base.params['embedding'][np.array(base.vocabulary.encode(label))].mean(axis=0) for label in LABELS]
    np.testing.assert_allclose(prompt_of(folder / 'fresh')[:2], expected, atol=1e-6)
    assert abs(prompt_of(folder / 'run')[:2] - np.array(expected)).max() > 0.3, 'four steps at 0.3 move them'


def test_a_run_that_was_stopped_ends_with_the_same_prompt(folder, samples_dir):
    where = {'MODEL_DIR': folder / 'stopped'}
    bindings = {name: str(value) for name, value in settings_of(folder, samples_dir, **where).items()}
    run = configuration.load([str(folder / 'run.gin')], bindings)
    prepare_libraries(run.data)
    prepare_tuning(run, 'flan-jax train')[1](2)
    after_two = prompt_of(folder / 'stopped')
    assert command('train', folder, samples_dir, **where) == 0
    np.testing.assert_array_equal(prompt_of(folder / 'stopped'), prompt_of(folder / 'run'))
    assert abs(after_two - prompt_of(folder / 'run')).max() > 0.1


def test_evaluate_gives_other_scores_than_the_base_has(folder):
    found = {
        label: [
            option['sum']
            for file in sorted((folder / 'run' / 'evaluation' / label).glob('rte-*/*.jsonl'))
            for line in file.read_text().splitlines()
            for option in json.loads(line)['options']
        ]
        for label in ('base', 'step_4')
    }
    assert len(found['base']) == len(found['step_4']) > 0
    assert np.abs(np.subtract(found['base'], found['step_4'])).min() > 1e-3


def test_generate_takes_the_folder_of_the_run(folder, capsys):
    found = {}
    for name in ('run', 'run/checkpoints/4', 'base'):
        assert main.main(['generate', f'--checkpoint={folder / name}', '--max_new_tokens=8', *PROMPTS]) == 0
        found[name] = capsys.readouterr().out
    assert found['run'] == found['run/checkpoints/4'] != found['base']


@pytest.mark.parametrize(
    'arguments',
    [
        ['convert', '--from=flan', '--to=hf', '{folder}/run', '{folder}/hf'],
        ['adapter', 'merge', '{folder}/run', '--to={folder}/merged'],
        ['adapter', 'export', '{folder}/run', '--to={folder}/peft'],
    ],
    ids=lambda arguments: '-'.join(arguments[:2]),
)
def test_what_wants_all_weights_refuses_a_prompt(folder, capsys, arguments):
    arguments = [argument.format(folder=folder) for argument in arguments]
    assert main.main(arguments) == 2
    assert 'merged' in capsys.readouterr().err
    assert not any((folder / name).exists() for name in ('hf', 'merged', 'peft'))


def test_what_learned_positions_cannot_hold_is_refused_before_work(tmp_path):
    given = {
        'MODEL_DIR': str(tmp_path), 'TFDS_DATA_DIR': 'unused', 'INITIAL_CHECKPOINT_PATH': 'unused',
        'Run.tuning': '@Prompt()', 'Prompt.length': 100, 'Stream.input_length': 800, 'Stream.target_length': 124,
    }  # fmt: skip
    files = ['gin/runs/defaults.gin', 'gin/models/gpt2_small.gin']
    with pytest.raises(UserError, match=r'Stream.target_length=.* after the 101 rows of Prompt.length, make .* 1024'):
        configuration.load(files, {name: str(value) for name, value in (given | {'Prompt.length': 101}).items()})
    configuration.load(files, {name: str(value) for name, value in given.items()})


def test_devices_share_a_prompts_run(folder, samples_dir, capsys):
    """Four devices train the prompt of one, and answer as one; a process has its number of devices from the start."""
    mesh = settings_of(folder, samples_dir, MODEL_DIR=folder / 'mesh', FSDP=2, TENSOR=2)
    bindings = [f'--gin.{name}={value}' for name, value in mesh.items()]
    train = ['train', f'--gin_file={folder / "run.gin"}', *bindings]
    generate = ['generate', f'--checkpoint={folder / "run"}', '--max_new_tokens=8', *PROMPTS]
    assert main.main(generate) == 0
    alone = capsys.readouterr().out
    for arguments in (train, [*generate, '--fsdp=2', '--tensor=2']):
        together = forked.run('flan_jax', arguments, forked.with_devices(4))
        assert together.returncode == 0, together.stderr
    assert together.stdout == alone
    np.testing.assert_allclose(prompt_of(folder / 'mesh'), prompt_of(folder / 'run'), atol=2e-3)
