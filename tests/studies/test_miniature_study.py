"""The study of the miniature: arms that tune on nothing held out, each from the base model of its seed and size."""

import pytest

from flan_jax import catalogue
from flan_jax.command import configuration
from flan_jax.data.members import members
from flan_jax.studies.miniature import HELD_OUT, MINIATURE


@pytest.fixture
def given(miniature, tmp_path):
    """Bindings of the user's."""
    return {'MODEL_DIR': str(tmp_path), 'TFDS_DATA_DIR': 'data', 'VOCABULARY': 'words'}


def test_every_arm_is_of_the_miniature_and_tunes_on_nothing_that_is_held_out(given):
    for planned in MINIATURE.runs('small', given['MODEL_DIR'], (), given):
        run = configuration.load(planned.files, planned.bindings)
        clusters = {member.dataset.cluster.name for member in members(run.data)}
        assert clusters and not clusters & {f'mini_{topic}' for topic in HELD_OUT}
        assert {name for column in MINIATURE.columns.values() for name in column} <= set(catalogue.DATASETS)


def test_runs_of_a_seed_and_size_share_a_base_model(given):
    planned = MINIATURE.runs('small', given['MODEL_DIR'], (), given, seeds=2)
    bases = MINIATURE.before(planned, given['MODEL_DIR'])
    loaded = [configuration.load(base.files, base.bindings) for base in bases]
    folders = {f'{run.model_dir}/checkpoints/{run.training.steps}': run for run in loaded}
    assert len(folders) == len(bases) == 2 * 3
    for run in (configuration.load(each.files, each.bindings) for each in planned):
        base = folders[str(run.initial_checkpoint)]
        assert (run.model, run.training.seed) == (base.model, base.training.seed)
