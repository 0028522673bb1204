"""A run learns, survives crashes bit for bit, and stops with a clear message where it cannot go on."""

import dataclasses
import os
import pathlib
import shutil
import signal
import time

import numpy as np
import pytest

from flan_jax.data.settings import Data
from flan_jax.distributed.mesh import make_mesh, parameter_layout
from flan_jax.distributed.preemption import Preempted
from flan_jax.model.config import lamda
from flan_jax.packing.pack import write_stream
from flan_jax.packing.settings import Stream
from flan_jax.packing.stream import PackedStream
from flan_jax.run import Run
from flan_jax.settings import SettingsError
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints, metrics_log, run_checkpoints
from flan_jax.training.initial import base_weights
from flan_jax.training.monitor import TrainingError
from flan_jax.training.program import training_program
from flan_jax.training.settings import Training
from flan_jax.training.train import Checkpointing, train
from tests import forked

STEPS = 7
MODEL = lamda(num_layers=2, d_model=32, vocab_size=4096, head_dim=16)


def make_experiment(model_dir, data_dir, streams, **changes):
    training = {'steps': STEPS, 'batch_size': 4, 'learning_rate': 0.02, 'log_every': 1, 'checkpoint_every': 2}
    training['residual_dropout'] = 0.1  # so that what is left out must be the same after a crash, too
    return Run(
        model_dir=str(model_dir),
        data=Data(tfds_data_dir=data_dir, mixture='sentiment'),
        stream=Stream(directory=str(streams), sequence_length=64, input_length=48, target_length=16, window=4),
        model=MODEL,
        training=Training(**training | changes),
    )


@pytest.fixture(scope='module')
def streams(samples_dir, tmp_path_factory):
    return tmp_path_factory.mktemp('streams')


@pytest.fixture
def experiment(tmp_path, samples_dir, streams):
    return make_experiment(tmp_path / 'run', samples_dir, streams)


def open_stream(experiment):
    return PackedStream(write_stream(experiment.data, experiment.stream, experiment.num_sequences))


def run_training(experiment, stream, base=None, last=None):
    """Trains to the end as the command does."""
    clusters, mesh = stream.manifest.clusters, make_mesh(experiment.parallelism)
    program = training_program(
        experiment.model, experiment.objective, experiment.tuning, experiment.training, mesh, clusters
    )
    base = base or base_weights(experiment.model, experiment.initial_checkpoint, experiment.training.seed)
    checkpointing = Checkpointing(experiment.model_dir, base, encode=Vocabulary().encode, metadata={})
    train(program, experiment.training, stream, checkpointing, last or experiment.training.steps)


def layout(experiment):
    return parameter_layout(experiment.model, make_mesh(experiment.parallelism))


def final_params(experiment):
    folder = checkpoints.latest_folder(experiment.model_dir)
    assert folder.name == str(experiment.training.steps)
    params = checkpoints.load_params(folder, layout(experiment))
    return {name: np.asarray(value) for name, value in params.items()}


@pytest.fixture(scope='module')
def uninterrupted(samples_dir, streams, tmp_path_factory):
    experiment = make_experiment(tmp_path_factory.mktemp('whole') / 'run', samples_dir, streams)
    run_training(experiment, open_stream(experiment))
    return experiment


def assert_same_run(experiment, uninterrupted):
    ours, expected = final_params(experiment), final_params(uninterrupted)
    for name in expected:
        np.testing.assert_array_equal(ours[name], expected[name], err_msg=name)
    losses = [[line['loss'] for line in metrics_log.read(e.model_dir)] for e in (experiment, uninterrupted)]
    assert losses[0] == losses[1] and len(losses[1]) == STEPS


class BreakingStream(PackedStream):
    """A stream whose reading fails at one step, as a full disk or a lost network mount makes it fail."""

    def __init__(self, folder, breaks_at):
        super().__init__(folder)
        self._breaks_at = breaks_at

    def batches(self, start, stop, *args):
        for step, batch in zip(range(start, stop), super().batches(start, stop, *args)):
            if step == self._breaks_at:
                raise OSError('the disk is gone')
            yield batch


def test_the_loss_falls(uninterrupted):
    losses = [line['loss'] for line in metrics_log.read(uninterrupted.model_dir)]
    assert losses[0] == pytest.approx(np.log(4096), abs=1.0)
    assert losses[-1] < losses[0] - 0.5


@pytest.mark.parametrize('breaks_at', [1, 2, 5, 6])
def test_a_run_that_crashed_ends_as_if_it_had_not(experiment, uninterrupted, breaks_at):
    stream = open_stream(experiment)
    with pytest.raises(OSError, match='the disk is gone'):
        run_training(experiment, BreakingStream(stream.folder, breaks_at))
    run_training(experiment, stream)
    assert_same_run(experiment, uninterrupted)


def test_a_killed_process_goes_on_where_it_stood(experiment, uninterrupted):
    stream = open_stream(experiment)
    folders = [experiment.model_dir, experiment.data.tfds_data_dir, experiment.stream.directory, stream.folder]
    child = forked.Process('tests.training.train_once', folders)
    wait_for(lambda: checkpoints.latest_folder(experiment.model_dir), child)
    child.kill()
    child.communicate()
    assert child.returncode in (0, -signal.SIGKILL), child.said()
    run_training(experiment, stream)
    assert_same_run(experiment, uninterrupted)


def wait_for(condition, child, seconds=120):
    """Waits until a condition holds while a child runs; it may end first, which is as good a place to stop."""
    deadline = time.monotonic() + seconds
    while not condition() and child.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(('received', 'status'), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_asked_to_stop_saves_first(experiment, uninterrupted, received, status):
    class SignallingStream(PackedStream):
        def batches(self, start, stop, *args):
            for step, batch in zip(range(start, stop), super().batches(start, stop, *args)):
                if step == 4:
                    os.kill(os.getpid(), received)
                yield batch

    stream = open_stream(experiment)
    with pytest.raises(
        Preempted, match='stopped after 5 of 7 steps, and saved; give the same command again'
    ) as stopped:
        run_training(experiment, SignallingStream(stream.folder))
    assert stopped.value.exit_status == status
    assert checkpoints.latest_folder(experiment.model_dir).name == '5'
    run_training(experiment, stream)
    assert_same_run(experiment, uninterrupted)


def test_a_finished_run_is_left_alone(uninterrupted, tmp_path, capsys):
    copy = dataclasses.replace(uninterrupted, model_dir=str(tmp_path / 'copy'))
    shutil.copytree(uninterrupted.model_dir, copy.model_dir)
    run_training(copy, open_stream(copy))
    assert_same_run(copy, uninterrupted)
    assert 'compiling' not in capsys.readouterr().err


def test_a_loss_that_is_not_finite_names_step_sequences_and_tasks(experiment):
    sound = base_weights(experiment.model, None, experiment.training.seed)

    def broken(layout):
        params = sound(layout)
        return params | {'final_norm/scale': params['final_norm/scale'] * np.nan}

    with pytest.raises(TrainingError, match=r'step 1: loss nan .* in sequences 0 to 3 of .* with examples of .*'):
        run_training(experiment, open_stream(experiment), broken)
    assert checkpoints.latest_folder(experiment.model_dir) is None


def test_where_the_newest_checkpoint_is_broken_the_one_before_is_used(uninterrupted, tmp_path, capsys):
    copy = dataclasses.replace(uninterrupted, model_dir=str(tmp_path / 'copy'))
    shutil.copytree(uninterrupted.model_dir, copy.model_dir)
    newest = checkpoints.latest_folder(copy.model_dir)
    for file in pathlib.Path(newest, 'params').rglob('*'):
        if file.is_file():
            os.truncate(file, 0)
    run_training(copy, open_stream(copy))
    assert_same_run(copy, uninterrupted)
    message = ' '.join(capsys.readouterr().err.split())
    assert '/7 cannot be read' in message and 'going on from step 6' in message
    assert [
        path.name.partition('-')[0] for path in pathlib.Path(copy.model_dir, run_checkpoints.DAMAGED).iterdir()
    ] == ['7']


def test_where_no_checkpoint_is_sound_nothing_is_lost(uninterrupted, tmp_path):
    copy = dataclasses.replace(uninterrupted, model_dir=str(tmp_path / 'copy'))
    shutil.copytree(uninterrupted.model_dir, copy.model_dir)
    for file in pathlib.Path(copy.model_dir, checkpoints.FOLDER).rglob('*'):
        if file.is_file() and 'params' in file.parts:
            os.truncate(file, 0)
    before = sorted(pathlib.Path(copy.model_dir).rglob('*'))
    with pytest.raises(checkpoints.CheckpointError, match='/7 cannot be read'):
        run_training(copy, open_stream(copy))
    assert set(before) <= set(pathlib.Path(copy.model_dir).rglob('*'))


def test_after_a_resume_lines_of_the_log_cover_the_same_steps(samples_dir, streams, tmp_path):
    often = {'log_every': 3, 'checkpoint_every': 2}
    whole, parts = (make_experiment(tmp_path / name, samples_dir, streams, **often) for name in ('whole', 'parts'))
    run_training(whole, open_stream(whole))
    for last in (2, 5, STEPS):
        run_training(parts, open_stream(parts), last=last)
    losses = [[(line['step'], line['loss']) for line in metrics_log.read(run.model_dir)] for run in (whole, parts)]
    assert losses[0] == losses[1] and [step for step, _ in losses[0]] == [3, 6, 7]


def test_another_models_checkpoint_is_refused_with_the_difference(uninterrupted):
    other = dataclasses.replace(uninterrupted, model=lamda(num_layers=3, d_model=32, vocab_size=4096, head_dim=16))
    folder = checkpoints.latest_folder(uninterrupted.model_dir)
    with pytest.raises(
        checkpoints.CheckpointError, match=r'query/kernel: \(2, 32, 64\) in the checkpoint, \(3, 32, 64\)'
    ):
        base_weights(other.model, folder, 0)(layout(other))
    with pytest.raises(checkpoints.CheckpointError, match='is not a checkpoint'):
        base_weights(other.model, other.model_dir, 0)(layout(other))


def test_rows_that_cannot_be_shared_are_refused():
    with pytest.raises(SettingsError, match='Training.batch_size=99999999999999999999'):
        Training(batch_size=99999999999999999999)
    with pytest.raises(SettingsError, match='Training.batch_size=4 cannot be cut'):
        Training(batch_size=4, microbatches=3)
