"""Which checkpoint of a run is the newest is Orbax's to say."""

import jax.numpy as jnp
import pytest

from flan_jax.training import checkpoints


@pytest.fixture
def run(tmp_path):
    """The folder of a run with checkpoints of steps 3, 20 and 100."""
    for step in (3, 20, 100):
        checkpoints.save_params(tmp_path / checkpoints.FOLDER / str(step), {'a': jnp.ones(3)}, {})
    return tmp_path


def test_the_newest_checkpoint_has_the_highest_step(run, tmp_path):
    (run / checkpoints.FOLDER / '400.orbax-checkpoint-tmp-1').mkdir()
    assert checkpoints.latest_folder(run).name == '100'
    assert checkpoints.latest_folder(tmp_path / 'nothing') is None


def test_on_a_bucket_a_checkpoint_that_is_not_committed_does_not_count(run, monkeypatch):
    """There folders cannot be renamed: one has its final name while it is written, and a file says when it is whole."""
    monkeypatch.setattr('orbax.checkpoint._src.path.gcs_utils.is_gcs_path', lambda path: True)
    assert checkpoints.latest_folder(run).name == '100'
    (run / checkpoints.FOLDER / '100' / 'commit_success.txt').unlink()
    assert checkpoints.latest_folder(run).name == '20'
