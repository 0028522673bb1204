"""Pretrains the base model of a small study on running text, unless one is given."""

import os
from collections.abc import Mapping, Sequence

from flan_jax.data.settings import CATALOGUE_ONLY
from flan_jax.errors import UserError
from flan_jax.studies.study import BASE, PlannedRun
from flan_jax.training.checkpoints import FOLDER

BASE_CHECKPOINT = 'INITIAL_CHECKPOINT_PATH'
"""The macro of the base model; a small study pretrains one if it is not set."""

TEXT = 'tfds:cnn_dailymail:3.4.0:article'
"""The pretraining data of a small base model; it has bundled samples."""

FROM_NOTHING = {'Run.tuning': '@Full()', 'INITIAL_CHECKPOINT_PATH': 'None'}
"""Pretraining starts from random weights and trains all of them, whatever the tuning method of other runs."""


def pretraining_run(seed: int, folder: str, files: Sequence[str], given: Mapping[str, str]) -> PlannedRun:
    """The pretraining run; pretrain.gin takes the place of the first of `files`."""
    bindings = {'SEED': str(seed), 'MODEL_DIR': os.path.join(folder, BASE), 'MIXTURE_OR_TASK_NAME': TEXT}
    # Other runs read TFDS_DATA_DIR from the environment by themselves, but pretrain.gin sets a folder of its own.
    data = {'TFDS_DATA_DIR': os.environ['TFDS_DATA_DIR']} if 'TFDS_DATA_DIR' in os.environ else {}
    files = ('gin/runs/pretrain.gin', *files[1:])
    given = {name: value for name, value in given.items() if not _of_the_catalogue(name)}
    return PlannedRun('pretraining', '', seed, files, {**data, **given, **bindings, **FROM_NOTHING}, prepares=True)


def _of_the_catalogue(name: str) -> bool:
    """Whether a binding selects examples of the catalogue for tuning, which has no meaning for pretraining."""
    bound, _, field = name.rpartition('.')
    return bound.endswith('Mixing') or (bound == 'Data' and field in ('parts', *CATALOGUE_ONLY))


def check_steps(study: str, given: Mapping[str, str]) -> None:
    """Raises UserError if the user's bindings set the number of steps by other names than TRAIN_STEPS."""
    if 'Training.steps' in given:
        raise UserError(
            f'Training.steps={given["Training.steps"]}: runs of {study} start from the last checkpoints of other '
            'runs, which are found by TRAIN_STEPS; set TRAIN_STEPS instead'
        )


def last_checkpoint(run: PlannedRun) -> str:
    """Path of the checkpoint of a run's last step, from the TRAIN_STEPS in its bindings."""
    return os.path.join(run.bindings['MODEL_DIR'], FOLDER, run.bindings['TRAIN_STEPS'])
