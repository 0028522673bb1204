"""What a ranking table's runs start from."""

import pytest

from flan_jax.command import configuration
from flan_jax.errors import UserError
from flan_jax.studies.hewitt import TABLE_2
from flan_jax.studies.pretraining import BASE_CHECKPOINT
from flan_jax.tuning.full import Full
from flan_jax.tuning.lora import Lora

GIVEN = {'TFDS_DATA_DIR': 'data', 'Training.steps': '100'}


def test_steps_by_another_name_than_that_of_checkpoints_are_refused_where_runs_start_from_one():
    with pytest.raises(UserError, match='found by TRAIN_STEPS'):
        TABLE_2.runs('small', 'root', (), GIVEN)
    runs = TABLE_2.runs('small', 'root', (), GIVEN | {BASE_CHECKPOINT: 'base'})
    assert runs and all(planned.bindings['Training.steps'] == '100' for planned in runs)


@pytest.mark.parametrize(
    ('files', 'given'), [((), {'Run.tuning': '@Lora()', 'Lora.rank': '2'}), (('gin/runs/lora.gin',), {})]
)
def test_a_base_model_is_pretrained_with_all_weights_though_others_are_tuned_by_adapters(files, given):
    planned = TABLE_2.runs('small', 'r', files, {'TFDS_DATA_DIR': 'data', **given})
    base, *tuned = (configuration.load_with_unread(p.files, p.bindings)[0] for p in planned)
    assert isinstance(base.tuning, Full) and base.initial_checkpoint is None
    assert tuned and all(isinstance(run.tuning, Lora) for run in tuned)
