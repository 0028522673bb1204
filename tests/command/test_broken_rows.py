"""Rows that cannot be evaluated are named before anything is packed or tuned."""

import shutil

from flan_jax.command import main
from tests.data.test_hostile_rows import rewrite


def test_a_broken_row_of_the_evaluation_is_named_before_packing(samples_dir, tmp_path, capsys):
    shutil.copytree(f'{samples_dir}/super_glue/copa', tmp_path / 'data/super_glue/copa')
    shutil.copytree(f'{samples_dir}/glue/sst2', tmp_path / 'data/glue/sst2')
    for path in (tmp_path / 'data/super_glue/copa').rglob('*validation.tfrecord*'):
        rewrite(path, lambda row: row['label'].int64_list.value.__setitem__(0, 9))
    settings = {
        'MODEL_DIR': tmp_path / 'run', 'Stream.directory': tmp_path / 'streams', 'TFDS_DATA_DIR': tmp_path / 'data',
        'MIXTURE_OR_TASK_NAME': 'sst2', 'HELD_OUT': None, 'EVAL_TASKS': "('copa',)", 'Evaluation.templates': (0,),
    }  # fmt: skip
    words = [f'--gin.{name}={value}' for name, value in settings.items()]
    assert main.main(['run', '--gin_file=gin/runs/tiny.gin', *words]) == 2
    error = ' '.join(capsys.readouterr().err.split())
    assert 'copa, test examples: row 3 of' in error and 'is not one of' in error
    assert not list((tmp_path / 'streams').iterdir()) and not (tmp_path / 'run' / 'manifest.json').exists()
