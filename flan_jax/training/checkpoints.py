"""Checkpoints: weights and optimizer state on disk by Orbax, each complete or not there at all.

A checkpoint knows the step, which is the place in the stream, and what the weights belong to: model, vocabulary and
stream.
"""

import contextlib
import math
from collections.abc import Mapping
from typing import Any

import jax
from etils import epath
from orbax.checkpoint import v1 as ocp
from orbax.checkpoint.utils import checkpoint_steps

from flan_jax.errors import UserError
from flan_jax.files import require_space
from flan_jax.model.decoder import Params
from flan_jax.model.value_head import VALUE_HEAD
from flan_jax.training.step import TrainState

FOLDER = 'checkpoints'
"""Folder of a run's checkpoints in its MODEL_DIR, one subfolder per step."""

_PARAMS, _OPTIMIZER = 'params', 'optimizer'


class CheckpointError(UserError):
    """A checkpoint is missing, broken, or belongs to something else."""


class Checkpoints(contextlib.AbstractContextManager):
    """The checkpoints of one run."""

    def __init__(self, model_dir: str, keep: int, metadata: Mapping[str, Any]):
        """Opens MODEL_DIR/checkpoints.

        Args:
          model_dir: folder of the run.
          keep: how many of the newest are kept.
          metadata: what the weights belong to, written beside them.
        """
        self._metadata = dict(metadata)
        self._at_once = keep + 1  # the newest is complete before the oldest goes
        self._checkpointer = ocp.training.Checkpointer(
            epath.Path(model_dir).absolute() / FOLDER,
            preservation_policy=ocp.training.preservation_policies.LatestN(keep),
            cleanup_tmp_directories=True,
        )

    @property
    def latest_step(self) -> int | None:
        """Updates done at the newest checkpoint; None where there is none."""
        return self._checkpointer.latest.step if self._checkpointer.latest else None

    def require_space(self, like: TrainState) -> None:
        """Raises UserError unless as many checkpoints of this layout as are kept at once fit on the disk."""
        size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(like))
        to_come = max(1, self._at_once - len(self._checkpointer.checkpoints))
        content = f'checkpoints, {to_come} at a time,'
        require_space(self._checkpointer.directory, to_come * size, 'MODEL_DIR', content)

    def save(self, step: int, state: TrainState) -> None:
        """Saves the state after `step` updates; the writing goes on in the background."""
        parts = {_PARAMS: state.params, _OPTIMIZER: state.optimizer}
        self._checkpointer.save_checkpointables_async(step, parts, force=True, custom_metadata=self._metadata)

    def restore(self, like: TrainState) -> TrainState | None:
        """The newest checkpoint in the layout of `like` (arrays or shapes with shardings); None where there is none.

        Raises:
          CheckpointError: if it cannot be read; nothing is half-loaded.
        """
        if self.latest_step is None:
            return None
        abstract = {_PARAMS: like.params, _OPTIMIZER: like.optimizer}
        try:
            loaded = self._checkpointer.load_checkpointables(self.latest_step, abstract)
        except (ValueError, KeyError, OSError, ocp.errors.InvalidLayoutError) as error:
            folder = self._checkpointer.directory / str(self.latest_step)
            raise CheckpointError(
                f'{folder} cannot be read; remove that folder to go on from the checkpoint before it\n'
                f'({type(error).__name__}: {str(error)[:200]})'
            ) from error
        step = jax.device_put(jax.numpy.asarray(self.latest_step, like.step.dtype), like.step.sharding)
        return TrainState(step, loaded[_PARAMS], loaded[_OPTIMIZER])

    def __exit__(self, *exception) -> None:
        """Waits until what is being written is complete."""
        self._checkpointer.close()


def load_params(folder: epath.PathLike, like: Params) -> Params:
    """The weights of a checkpoint folder, in the layout of `like` (arrays, or shapes with shardings).

    Raises:
      CheckpointError: if there is no checkpoint, or its parameters have other names or shapes; lists them.
    """
    found = parameter_metadata(folder)
    if VALUE_HEAD in found and VALUE_HEAD not in like:
        raise CheckpointError(
            f'{folder} is a reward model: its scalar head rates responses, and a language model has none. Name a '
            'checkpoint of a language model here'
        )
    if differences := _differences(found, like):
        raise CheckpointError(f'{folder} does not fit the model:\n' + '\n'.join(differences))
    return ocp.load_checkpointables(epath.Path(folder).absolute(), {_PARAMS: like})[_PARAMS]


def save_params(folder: epath.PathLike, params: Params, metadata: Mapping[str, Any]) -> None:
    """Writes a checkpoint of weights alone, from which a run can start; `metadata` as in `Checkpoints`."""
    ocp.save_checkpointables(epath.Path(folder).absolute(), {_PARAMS: params}, custom_metadata=dict(metadata))


def parameter_metadata(folder: epath.PathLike) -> Mapping[str, Any]:
    """Shape and dtype of the parameters in a checkpoint folder. Raises CheckpointError as `load_params`."""
    return _metadata(folder).metadata[_PARAMS]


def metadata(folder: epath.PathLike) -> Mapping[str, Any]:
    """What the weights of a checkpoint folder belong to; see `Checkpoints`. Raises CheckpointError as `load_params`."""
    return _metadata(folder).custom_metadata or {}


def saved_at(folder: epath.PathLike) -> int:
    """When a checkpoint was committed, in nanoseconds since 1970. Raises CheckpointError as `load_params`."""
    return _metadata(folder).commit_timestamp_nsecs


def latest_folder(model_dir: epath.PathLike) -> epath.Path | None:
    """The newest complete checkpoint of a run; None where there is none."""
    root = epath.Path(model_dir).absolute() / FOLDER
    steps = checkpoint_steps(root)  # which are complete is Orbax's to say: on buckets a folder is there before that
    return root / str(max(steps)) if steps else None


def latest_step(model_dir: epath.PathLike) -> int:
    """The step of the newest complete checkpoint of a run; 0 where there is none."""
    folder = latest_folder(model_dir)
    return int(folder.name) if folder else 0


def _metadata(folder: epath.PathLike) -> ocp.CheckpointMetadata:
    folder = epath.Path(folder).absolute()
    if not (folder / _PARAMS).exists() or not ocp.is_orbax_checkpoint(folder):
        raise CheckpointError(f'{folder} is not a checkpoint; name the folder of one step, such as .../{FOLDER}/1000')
    return ocp.checkpointables_metadata(folder)


def _differences(found: Mapping[str, Any], like: Params) -> list[str]:
    lines = [f'  {name}: in the checkpoint only' for name in sorted(set(found) - set(like))]
    lines += [f'  {name}: in the model only' for name in sorted(set(like) - set(found))]
    for name in sorted(set(like) & set(found)):
        if tuple(found[name].shape) != tuple(like[name].shape):
            lines.append(
                f'  {name}: {tuple(found[name].shape)} in the checkpoint, {tuple(like[name].shape)} in the model'
            )
    return lines
