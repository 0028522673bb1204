"""The base model of a small study, where none is given: a decoder that learns running text first."""

import os
from collections.abc import Mapping, Sequence

from flan_jax.data.settings import CATALOGUE_ONLY
from flan_jax.errors import UserError
from flan_jax.studies.study import BASE, PlannedRun
from flan_jax.training.checkpoints import FOLDER

BASE_CHECKPOINT = 'INITIAL_CHECKPOINT_PATH'
"""The base model; a small study pretrains one where it is not given."""

TEXT = 'tfds:cnn_dailymail:3.4.0:article'
"""What a small base model is pretrained on; it is among the bundled samples."""

FROM_NOTHING = {'Run.tuning': '@Full()', 'INITIAL_CHECKPOINT_PATH': 'None'}
"""A base model learns from nothing with all of its weights, however the other runs tune it."""


def pretraining_run(seed: int, folder: str, files: Sequence[str], given: Mapping[str, str]) -> PlannedRun:
    """The run that pretrains, with gin files that follow the first of `files`."""
    bindings = {'SEED': str(seed), 'MODEL_DIR': os.path.join(folder, BASE), 'MIXTURE_OR_TASK_NAME': TEXT}
    # The other runs take it from the environment by themselves; pretrain.gin has a folder of its own.
    data = {'TFDS_DATA_DIR': os.environ['TFDS_DATA_DIR']} if 'TFDS_DATA_DIR' in os.environ else {}
    files = ('gin/runs/pretrain.gin', *files[1:])
    given = {name: value for name, value in given.items() if not _of_the_catalogue(name)}
    return PlannedRun('pretraining', '', seed, files, {**data, **given, **bindings, **FROM_NOTHING}, prepares=True)


def _of_the_catalogue(name: str) -> bool:
    """Whether a binding says which examples of the catalogue are tuned on, of which running text has none."""
    bound, _, field = name.rpartition('.')
    return bound.endswith('Mixing') or (bound == 'Data' and field in ('parts', *CATALOGUE_ONLY))


def check_steps(study: str, given: Mapping[str, str]) -> None:
    """Raises UserError where the user's bindings say otherwise than by TRAIN_STEPS which checkpoint is the last."""
    if 'Training.steps' in given:
        raise UserError(
            f'Training.steps={given["Training.steps"]}: runs of {study} start from the last checkpoints of others, '
            'which TRAIN_STEPS names; set TRAIN_STEPS in its place'
        )


def last_checkpoint(run: PlannedRun) -> str:
    """Where the checkpoint of a run's last step will be; its bindings name TRAIN_STEPS."""
    return os.path.join(run.bindings['MODEL_DIR'], FOLDER, run.bindings['TRAIN_STEPS'])
