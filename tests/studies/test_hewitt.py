"""What a ranking table's runs start from."""

import pytest

from flan_jax.errors import UserError
from flan_jax.studies.hewitt import TABLE_2
from flan_jax.studies.pretraining import BASE_CHECKPOINT

GIVEN = {'TFDS_DATA_DIR': 'data', 'Training.steps': '100'}


def test_steps_by_another_name_than_that_of_checkpoints_are_refused_where_runs_start_from_one():
    with pytest.raises(UserError, match='TRAIN_STEPS names'):
        TABLE_2.runs('small', 'root', (), GIVEN)
    runs = TABLE_2.runs('small', 'root', (), GIVEN | {BASE_CHECKPOINT: 'base'})
    assert runs and all(planned.bindings['Training.steps'] == '100' for planned in runs)
