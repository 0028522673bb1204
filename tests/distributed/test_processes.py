"""Several real processes on this machine train as one does: through a death, a request to stop, and other numbers."""

import json
import re
import signal
import time

import numpy as np
import pytest

from flan_jax.command import main
from flan_jax.distributed.mesh import Parallelism, make_mesh, placed
from flan_jax.distributed.processes import ProcessesError, join
from flan_jax.evaluation.option_scores import SCORES
from flan_jax.training import checkpoints, metrics_log
from tests.distributed import jobs

STEPS = 40


def arguments(samples_dir, folder, name):
    settings = {
        'MODEL_DIR': folder / name,
        'Stream.directory': folder / f'streams_{name}',
        'TFDS_DATA_DIR': samples_dir,
        'MIXTURE_OR_TASK_NAME': 'sentiment',
        'HELD_OUT': None,
        'TRAIN_STEPS': STEPS,
        'BATCH_SIZE': 4,
        'SEQUENCE_LENGTH': 64,
        'Stream.input_length': 48,
        'Stream.target_length': 16,
        'Stream.targets_per_sequence': 16,
        'Training.checkpoint_every': 5,
        'Training.log_every': 1,
        'lamda.d_model': 32,
        'lamda.head_dim': 16,
    }
    return ['train', '--gin_file=gin/runs/tiny.gin', *(f'--gin.{k}={v}' for k, v in settings.items())]


def wait_for_checkpoint(model_dir, job, after=0, seconds=300):
    """Waits for a checkpoint of a later step than `after`; returns its step."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and all(process.poll() is None for process in job):
        folder = checkpoints.latest_folder(model_dir)
        if folder is not None and int(folder.name) > after:
            return int(folder.name)
        time.sleep(0.02)
    raise AssertionError([(process.poll(), process.said()[1][-2000:]) for process in job if process.poll()])


def start(count, words, fsdp=1, tensor=1):
    """Starts the processes of a command, whose devices share the work as said."""
    return jobs.start(count, 'flan_jax', *words, f'--gin.FSDP={fsdp}', f'--gin.TENSOR={tensor}')


def ends_of(job):
    """Exit status and standard error of every process."""
    statuses, _, errors = zip(*jobs.ends_of(job))
    return list(statuses), errors


@pytest.fixture(scope='module')
def history(samples_dir, tmp_path_factory):
    """A run by four processes until one is killed, by two until one is asked to stop, and by one to the end.

    Processes that share a tensor axis hold the same sequences.
    """
    folder = tmp_path_factory.mktemp('processes')
    words, model_dir = arguments(samples_dir, folder, 'many'), folder / 'many'
    four = start(4, words, fsdp=2, tensor=2)
    wait_for_checkpoint(model_dir, four)
    four[2].kill()
    assert main.main(arguments(samples_dir, folder, 'one')) == 0  # the others need half a minute to notice
    killed = ends_of(four)
    begun = int(checkpoints.latest_folder(model_dir).name)
    two = start(2, words, tensor=2)
    wait_for_checkpoint(model_dir, two, after=begun)
    two[1].send_signal(signal.SIGTERM)
    stopped = ends_of(two)
    stopped_at = int(checkpoints.latest_folder(model_dir).name)
    assert main.main(words) == 0
    return folder, killed, stopped, begun, stopped_at


def test_a_process_that_dies_ends_the_job_with_its_name(history):
    (statuses, errors), begun = history[1], history[3]
    assert statuses[2] == -signal.SIGKILL and all(statuses) and 0 < begun < STEPS
    for index in (0, 1, 3):
        assert re.search(r'stopped sending heartbeats\):\s+2\b|Task 2 heartbeat timeout', errors[index]), errors[index][
            -2000:
        ]


def test_a_request_to_stop_one_process_stops_all_after_the_same_step(history):
    (statuses, errors), begun, stopped_at = history[2], history[3], history[4]
    assert statuses == [143, 143], errors[0][-2000:]
    assert begun < stopped_at < STEPS
    assert all(f'stopped after {stopped_at} of {STEPS} steps' in error for error in errors)


def test_any_number_of_processes_ends_where_one_does(history):
    folder = history[0]
    newest = {name: checkpoints.latest_folder(folder / name) for name in ('many', 'one')}
    assert [path.name for path in newest.values()] == [str(STEPS)] * 2
    shapes = checkpoints.parameter_metadata(newest['one'])
    layout = placed(shapes, make_mesh(Parallelism()))
    many, one = (checkpoints.load_params(newest[name], layout) for name in ('many', 'one'))
    for name in one:
        np.testing.assert_allclose(many[name], one[name], atol=2e-4, err_msg=name)
    logs = [metrics_log.read(folder / name) for name in ('many', 'one')]
    assert [[line['step'] for line in log] for log in logs] == [list(range(1, STEPS + 1))] * 2
    np.testing.assert_allclose(*([line['loss'] for line in log] for log in logs), rtol=1e-4)


def test_the_stream_is_packed_once_and_by_all_the_same(history):
    folder = history[0]
    streams = [sorted(path.name for path in (folder / f'streams_{name}').iterdir()) for name in ('many', 'one')]
    assert len(streams[0]) == 1 and streams[0] == streams[1]


def answers_in(folder):
    """Record files, their lines without scores and checksums, and the scores."""
    found = {path.relative_to(folder): path.read_text().splitlines() for path in folder.glob('*/*.jsonl')}
    lines = [json.loads(line) for _, file in sorted(found.items()) for line in file]
    lines = [{name: value for name, value in line.items() if name != 'check'} for line in lines]
    scores = [option.pop(score) for line in lines for option in line.get('options', ()) for score in SCORES]
    return sorted(found), lines, scores


def test_processes_evaluate_together_as_one_does_alone(history, samples_dir):
    folder = history[0]
    checkpoint = checkpoints.latest_folder(folder / 'one')
    settings = {
        'EVAL_TASKS': "('copa','natural_questions')",
        'EVAL_LIMIT': 3,
        'Evaluation.templates': (0, 1),
        'SHOTS': (0, 2),
        'Evaluation.fixed_exemplars': True,
        'INITIAL_CHECKPOINT_PATH': checkpoint,
    }
    words = {
        name: ['evaluate', *arguments(samples_dir, folder, name)[1:], *(f'--gin.{k}={v}' for k, v in settings.items())]
        for name in ('evaluated_together', 'evaluated_alone')
    }
    statuses, errors = ends_of(start(2, words['evaluated_together']))
    assert statuses == [0, 0], errors[0][-2000:]
    assert main.main(words['evaluated_alone']) == 0
    together, alone = (answers_in(folder / name / 'evaluation/base') for name in words)
    assert together[:2] == alone[:2] and len(alone[0]) == 2 * 2 * 2 * 2
    np.testing.assert_allclose(together[2], alone[2], atol=2e-5)


def test_half_an_address_is_refused():
    with pytest.raises(ProcessesError, match='JAX_PROCESS_ID is set, but not JAX_COORDINATOR_ADDRESS, JAX_NUM_PROC'):
        join({'JAX_PROCESS_ID': '1'})
    with pytest.raises(ProcessesError, match='cannot join the other processes'):
        join({'JAX_COORDINATOR_ADDRESS': 'localhost:1', 'JAX_NUM_PROCESSES': 'two', 'JAX_PROCESS_ID': '1'})
