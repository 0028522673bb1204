"""The checkpoints of a run: saved in the background, and restored from the newest that is sound."""

import contextlib
import math
import uuid
from collections.abc import Mapping
from typing import Any

import jax
from orbax.checkpoint import v1 as ocp

from flan_jax.distributed import processes
from flan_jax.files import absolute, require_space
from flan_jax.progress import CONSOLE
from flan_jax.training.checkpoints import DIGESTS, FOLDER, NOTES, OPTIMIZER, PARAMS, CheckpointError, read_verified
from flan_jax.training.digests import digests
from flan_jax.training.step import TrainState

DAMAGED = 'damaged_checkpoints'
"""Folder in MODEL_DIR that damaged checkpoints are moved to."""


class Checkpoints(contextlib.AbstractContextManager):
    """The checkpoints of one run; closing waits until the last is written.

    Attributes:
      notes: what was saved with the state that `restore` returned.
    """

    def __init__(self, model_dir: str, keep: int, metadata: Mapping[str, Any]):
        """Opens MODEL_DIR/checkpoints.

        Args:
          model_dir: folder of the run.
          keep: number of newest checkpoints to keep.
          metadata: what the weights belong to, written with every checkpoint.
        """
        self.notes: Mapping[str, Any] = {}
        self._model_dir = absolute(model_dir)
        self._metadata = dict(metadata)
        self._at_once = keep + 1  # the newest is complete before the oldest is deleted
        self._checkpointer = ocp.training.Checkpointer(
            self._model_dir / FOLDER,
            preservation_policy=ocp.training.preservation_policies.LatestN(keep),
            cleanup_tmp_directories=True,
        )

    def require_space(self, like: TrainState) -> None:
        """Raises UserError unless the checkpoints that will exist at the same time fit on the disk."""
        size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(like))
        to_come = max(1, self._at_once - len(self._checkpointer.checkpoints))
        content = f'checkpoints, {to_come} at a time,'
        require_space(self._checkpointer.directory, to_come * size, 'MODEL_DIR', content)

    def save(self, step: int, state: TrainState, notes: Mapping[str, Any] | None = None) -> None:
        """Saves the state after `step` updates, with notes that JSON can hold, in the background."""
        parts = {PARAMS: state.params, OPTIMIZER: state.optimizer}
        custom = self._metadata | {DIGESTS: digests(parts), NOTES: dict(notes or {})}
        self._checkpointer.save_checkpointables_async(step, parts, force=True, custom_metadata=custom)

    def restore(self, like: TrainState) -> TrainState | None:
        """The newest sound checkpoint in the layout of `like` (arrays or shapes with shardings); None if there is none.

        Sets `notes`. Newer checkpoints that are damaged are moved to MODEL_DIR/`DAMAGED`.

        Raises:
          CheckpointError: if there are checkpoints and none can be read.
        """
        steps = sorted((found.step for found in self._checkpointer.checkpoints), reverse=True)
        damaged: dict[int, CheckpointError] = {}
        for step in steps:
            try:
                state = self._load(step, like)
            except CheckpointError as error:
                damaged[step] = error
                continue
            self._put_aside(damaged, step)
            return state
        if damaged:
            raise damaged[steps[0]]
        return None

    def _load(self, step: int, like: TrainState) -> TrainState:
        folder = self._checkpointer.directory / str(step)
        loaded, custom = read_verified(folder, {PARAMS: like.params, OPTIMIZER: like.optimizer})
        if self._metadata and not custom:
            raise CheckpointError(f'{folder} is damaged: it says nothing of itself')
        self.notes = custom.get(NOTES, {})
        step_array = jax.device_put(jax.numpy.asarray(step, like.step.dtype), like.step.sharding)
        return TrainState(step_array, loaded[PARAMS], loaded[OPTIMIZER])

    def _put_aside(self, damaged: Mapping[int, CheckpointError], instead: int) -> None:
        """Moves damaged checkpoints away, so that the run can save those steps again; deletes nothing."""
        if damaged and jax.process_index() == 0:
            for step, error in damaged.items():
                target = self._model_dir / DAMAGED / f'{step}-{uuid.uuid4().hex[:8]}'
                target.parent.mkdir(parents=True, exist_ok=True)
                (self._checkpointer.directory / str(step)).rename(target)
                CONSOLE.print(
                    f'{error}\ngoing on from step {instead}; what is damaged is in {target}',
                    markup=False,
                    soft_wrap=True,
                )
        if damaged:
            processes.broadcast_from_first(None)
            self._checkpointer.reload()

    def __exit__(self, *exception) -> None:
        """Waits until the last checkpoint is written."""
        self._checkpointer.close()
