"""Real processes evaluate together, and stop together."""

import signal
import time

import pytest

from flan_jax.command import main
from flan_jax.model.config import lamda
from flan_jax.settings import as_plain
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints
from tests.distributed.test_processes import ends_of, start
from tests.toy import random_params

TEMPLATES = (0, 1, 3)


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    config = lamda(vocab_size=4096, num_layers=1, d_model=32, head_dim=16)
    folder = tmp_path_factory.mktemp('checkpoint') / '1'
    metadata = {'model': as_plain(config), 'vocabulary': Vocabulary().fingerprint}
    checkpoints.save_params(folder, random_params(config), metadata)
    return folder


def arguments(samples_dir, folder, checkpoint):
    """With the same exemplars before all prompts every key is a group by itself, after which processes may stop."""
    settings = {
        'MODEL_DIR': folder,
        'TFDS_DATA_DIR': samples_dir,
        'HELD_OUT': None,
        'EVAL_TASKS': ('copa', 'piqa'),
        'EVAL_LIMIT': 3,
        'Evaluation.templates': TEMPLATES,
        'SHOTS': (2,),
        'Evaluation.fixed_exemplars': True,
        'INITIAL_CHECKPOINT_PATH': checkpoint,
        'lamda.num_layers': 1,
        'lamda.d_model': 32,
        'lamda.head_dim': 16,
    }
    return ['evaluate', '--gin_file=gin/runs/tiny.gin', *(f'--gin.{k}={v}' for k, v in settings.items())]


def records_in(folder):
    return {path.relative_to(folder): path.read_text() for path in folder.glob('evaluation/base/*/*.jsonl')}


def test_a_signal_to_one_process_stops_all_after_the_same_records(samples_dir, checkpoint, tmp_path):
    words = arguments(samples_dir, tmp_path, checkpoint)
    job = start(2, words)
    deadline = time.monotonic() + 300
    while not records_in(tmp_path) and time.monotonic() < deadline and all(process.poll() is None for process in job):
        time.sleep(0.01)
    job[1].send_signal(signal.SIGTERM)
    statuses, errors = ends_of(job)
    assert statuses == [143, 143], errors[0][-2000:]
    before = records_in(tmp_path)
    assert main.main(words) == 0
    after = records_in(tmp_path)
    assert 0 < len(before) < len(after) and before.items() <= after.items()
    assert {len(text.splitlines()) for text in after.values()} == {3}
