"""The base model of a small study, where none is given: a decoder that learns running text first."""

import os
from collections.abc import Mapping, Sequence

from flan_jax.studies.study import BASE, PlannedRun
from flan_jax.training.checkpoints import FOLDER

BASE_CHECKPOINT = 'INITIAL_CHECKPOINT_PATH'
"""The base model; a small study pretrains one where it is not given."""

TEXT = 'tfds:cnn_dailymail:3.4.0:article'
"""What a small base model is pretrained on; it is among the bundled samples."""


def pretraining_run(seed: int, folder: str, files: Sequence[str], given: Mapping[str, str]) -> PlannedRun:
    """The run that pretrains, with gin files that follow the first of `files`."""
    bindings = {'SEED': str(seed), 'MODEL_DIR': os.path.join(folder, BASE), 'MIXTURE_OR_TASK_NAME': TEXT}
    # The other runs take it from the environment by themselves; pretrain.gin has a folder of its own.
    data = {'TFDS_DATA_DIR': os.environ['TFDS_DATA_DIR']} if 'TFDS_DATA_DIR' in os.environ else {}
    files = ('gin/runs/pretrain.gin', *files[1:])
    return PlannedRun('pretraining', 'nothing', seed, files, {**data, **given, **bindings}, prepares=True)


def last_checkpoint(run: PlannedRun) -> str:
    """Where the checkpoint of a run's last step will be; its bindings name TRAIN_STEPS."""
    return os.path.join(run.bindings['MODEL_DIR'], FOLDER, run.bindings['TRAIN_STEPS'])
