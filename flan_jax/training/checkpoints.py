"""Checkpoints: weights and optimizer state on disk by Orbax, each complete or not there at all.

A checkpoint knows the step, which is the place in the stream, and what the weights belong to: model, vocabulary and
stream.
"""

import contextlib
import math
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import jax
from etils import epath
from orbax.checkpoint import v1 as ocp
from orbax.checkpoint.utils import checkpoint_steps

from flan_jax.distributed import processes
from flan_jax.distributed.preemption import in_any_process, interruptible
from flan_jax.errors import UserError
from flan_jax.files import absolute, make_folder, require_space
from flan_jax.model.decoder import Layout, Params
from flan_jax.model.value_head import VALUE_HEAD
from flan_jax.progress import CONSOLE
from flan_jax.settings import fingerprint
from flan_jax.training.digests import digests, path_name
from flan_jax.training.step import TrainState

FOLDER = 'checkpoints'
"""Folder of a run's checkpoints in its MODEL_DIR, one subfolder per step."""

_PARAMS, _OPTIMIZER = 'params', 'optimizer'


DAMAGED = 'damaged_checkpoints'
"""Where a run puts a checkpoint that is damaged, in its MODEL_DIR."""

_DIGESTS, _NOTES, _OLD_DIGESTS = 'word_digests', 'notes', 'digests'
"""What a checkpoint says of itself, beside what its weights belong to. Digests of the older kind are not read."""

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError, ocp.errors.InvalidLayoutError)
"""What Orbax and TensorStore raise at files that are missing, cut short or changed."""


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
        self.notes: Mapping[str, Any] = {}
        self._model_dir = absolute(model_dir)
        self._metadata = dict(metadata)
        self._at_once = keep + 1  # the newest is complete before the oldest goes
        self._checkpointer = ocp.training.Checkpointer(
            self._model_dir / FOLDER,
            preservation_policy=ocp.training.preservation_policies.LatestN(keep),
            cleanup_tmp_directories=True,
        )

    def require_space(self, like: TrainState) -> None:
        """Raises UserError unless as many checkpoints of this layout as are kept at once fit on the disk."""
        size = sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(like))
        to_come = max(1, self._at_once - len(self._checkpointer.checkpoints))
        content = f'checkpoints, {to_come} at a time,'
        require_space(self._checkpointer.directory, to_come * size, 'MODEL_DIR', content)

    def save(self, step: int, state: TrainState, notes: Mapping[str, Any] | None = None) -> None:
        """Saves the state after `step` updates, with notes in JSON's types; the writing goes on in the background."""
        parts = {_PARAMS: state.params, _OPTIMIZER: state.optimizer}
        said = self._metadata | {_DIGESTS: digests(parts), _NOTES: dict(notes or {})}
        self._checkpointer.save_checkpointables_async(step, parts, force=True, custom_metadata=said)

    def restore(self, like: TrainState) -> TrainState | None:
        """The newest sound checkpoint in the layout of `like` (arrays or shapes with shardings); None where none is.

        Its notes are in `notes` then. Damaged ones that are newer are put aside, into MODEL_DIR/`DAMAGED`.

        Raises:
          CheckpointError: if there are checkpoints and none can be read; nothing is half-loaded.
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
        loaded, said = _verified(folder, {_PARAMS: like.params, _OPTIMIZER: like.optimizer})
        if self._metadata and not said:
            raise CheckpointError(f'{folder} is damaged: it says nothing of itself')
        self.notes = said.get(_NOTES, {})
        step_array = jax.device_put(jax.numpy.asarray(step, like.step.dtype), like.step.sharding)
        return TrainState(step_array, loaded[_PARAMS], loaded[_OPTIMIZER])

    def _put_aside(self, damaged: Mapping[int, CheckpointError], instead: int) -> None:
        """Moves damaged checkpoints out of the way, so that the run can write those steps again; deletes nothing."""
        if damaged and jax.process_index() == 0:
            for step, error in damaged.items():
                place = self._model_dir / DAMAGED / f'{step}-{uuid.uuid4().hex[:8]}'
                place.parent.mkdir(parents=True, exist_ok=True)
                (self._checkpointer.directory / str(step)).rename(place)
                CONSOLE.print(
                    f'{error}\ngoing on from step {instead}; what is damaged is in {place}',
                    markup=False,
                    soft_wrap=True,
                )
        if damaged:
            processes.broadcast_from_first(None)
            self._checkpointer.reload()

    def __exit__(self, *exception) -> None:
        """Waits until what is being written is complete."""
        self._checkpointer.close()


def load_params(folder: epath.PathLike, like: Params | Layout) -> Params:
    """The weights of a checkpoint folder, in the layout of `like` (arrays, or shapes with shardings).

    Raises:
      CheckpointError: if there is no checkpoint, it is damaged, or it has other parameters or shapes; lists them.
    """
    known = _metadata(folder)
    found = known.metadata[_PARAMS]
    if VALUE_HEAD in found and VALUE_HEAD not in like:
        raise CheckpointError(
            f'{folder} is a reward model: its scalar head rates responses, and a language model has none. Name a '
            'checkpoint of a language model here'
        )
    if differences := _differences(found, like):
        raise CheckpointError(f'{folder} does not fit the model:\n' + '\n'.join(differences))
    if all(found[name].dtype == like[name].dtype for name in like):
        return _verified(folder, {_PARAMS: like}, known)[0][_PARAMS]
    # Verified as it was saved, one at a time so that little more than the weights in their new dtype is held.
    return {name: _verified_and_cast(folder, name, like, known) for name in like}


def _verified_and_cast(
    folder: epath.PathLike, name: str, like: Params | Layout, known: ocp.CheckpointMetadata
) -> jax.Array:
    dtype = known.metadata[_PARAMS][name].dtype
    one = jax.ShapeDtypeStruct(like[name].shape, dtype, sharding=like[name].sharding)
    others = {other: ocp.PLACEHOLDER for other in like if other != name}
    loaded = _verified(folder, {_PARAMS: {name: one} | others}, known)[0][_PARAMS][name]
    return loaded.astype(like[name].dtype)


def _whole(read: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of Orbax reads; Ctrl-C waits for it, else its event loop makes that look like a damaged file."""
    with interruptible() as check:
        try:
            return read(*arguments)
        except Exception:
            check('stopped while a checkpoint was read')
            raise


def _verified(
    folder: epath.PathLike, like: Mapping[str, Any], known: ocp.CheckpointMetadata | None = None
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Parts of a checkpoint in the layout of `like`, as they were saved, and what it says of itself.

    Args:
      folder: the checkpoint's.
      like: arrays or shapes with shardings by part.
      known: what `_metadata` gives, where it has been read: it opens every array.

    Raises:
      CheckpointError: if it cannot be read, or an array is another than was saved; names it.
    """
    folder = absolute(folder)
    loaded: dict[str, Any] = {}
    said: Mapping[str, Any] = {}
    failure: BaseException | None = None
    try:
        said = (known or _metadata(folder)).custom_metadata or {}
        loaded = _whole(ocp.load_checkpointables, folder, dict(like))
    except (CheckpointError, *_UNREADABLE) as error:
        failure = error
    if in_any_process(failure is not None):
        raise CheckpointError(
            f'{folder} cannot be read, it is damaged or of another model: '
            f'{type(failure).__name__}: {" ".join(str(failure).split())[:200]}'
        ) from failure
    kept = jax.tree.map(lambda array, wanted: None if wanted is ocp.PLACEHOLDER else array, loaded, dict(like))
    found = digests(kept) if _DIGESTS in said else {}
    if wrong := [name for name, value in found.items() if said[_DIGESTS].get(name) != value]:
        raise CheckpointError(
            f'{folder} is damaged: {", ".join(wrong)} {"is" if len(wrong) == 1 else "are"} not as saved '
            f'(digest {found[wrong[0]]}, saved {said[_DIGESTS].get(wrong[0])})'
        )
    return loaded, said


def verify(folder: epath.PathLike) -> int:
    """Reads all arrays of a checkpoint and compares their digests; returns how many have one.

    Raises:
      CheckpointError: naming what is damaged.
    """
    read_all(folder)
    return len((_metadata(folder).custom_metadata or {}).get(_DIGESTS, ()))


def read_all(folder: epath.PathLike) -> dict[str, jax.Array]:
    """All arrays of a checkpoint by their paths, on this process's first device. Raises CheckpointError as `verify`."""
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def layout(found) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(found.shape, found.dtype, sharding=device)

    known = _metadata(folder)
    parts = {part: jax.tree.map(layout, arrays) for part, arrays in known.metadata.items() if arrays}
    named, _ = jax.tree_util.tree_flatten_with_path(_verified(folder, parts, known)[0])
    return {path_name(path): array for path, array in named}


def save_params(folder: epath.PathLike, params: Params, metadata: Mapping[str, Any]) -> None:
    """Writes a checkpoint of weights alone, from which a run can start; `metadata` as in `Checkpoints`."""
    make_folder(absolute(folder).parent)  # Orbax would wait for one that cannot be made
    said = dict(metadata) | {_DIGESTS: digests({_PARAMS: params})}
    ocp.save_checkpointables(absolute(folder), {_PARAMS: params}, custom_metadata=said)


def parameter_metadata(folder: epath.PathLike) -> Mapping[str, Any]:
    """Shape and dtype of the parameters in a checkpoint folder. Raises CheckpointError as `load_params`."""
    return _metadata(folder).metadata[_PARAMS]


def metadata(folder: epath.PathLike) -> Mapping[str, Any]:
    """What the weights of a checkpoint folder belong to; see `Checkpoints`. Raises CheckpointError as `load_params`."""
    said = _metadata(folder).custom_metadata or {}
    return {name: value for name, value in said.items() if name not in (_DIGESTS, _NOTES, _OLD_DIGESTS)}


def weights_digest(folder: epath.PathLike) -> str | None:
    """One digest of a checkpoint's weights, as they were saved; None for one of a time that kept none.

    Raises CheckpointError as `load_params`.
    """
    saved = (_metadata(folder).custom_metadata or {}).get(_DIGESTS, {})
    weights = {name: value for name, value in saved.items() if name.startswith(f'{_PARAMS}/')}
    return fingerprint(weights) if weights else None


def saved_at(folder: epath.PathLike) -> int:
    """When a checkpoint was committed, in nanoseconds since 1970. Raises CheckpointError as `load_params`."""
    return _metadata(folder).commit_timestamp_nsecs


def latest_folder(model_dir: epath.PathLike) -> epath.Path | None:
    """The newest complete checkpoint of a run; None where there is none."""
    return next(reversed(folders(model_dir)), None)


def folders(model_dir: epath.PathLike) -> list[epath.Path]:
    """The complete checkpoints of a run, by step."""
    root = absolute(model_dir) / FOLDER
    steps = checkpoint_steps(root)  # which are complete is Orbax's to say: on buckets a folder is there before that
    return [root / str(step) for step in sorted(steps)]


def latest_step(model_dir: epath.PathLike) -> int:
    """The step of the newest complete checkpoint of a run; 0 where there is none."""
    folder = latest_folder(model_dir)
    return int(folder.name) if folder else 0


def _why_not(folder: epath.Path) -> str:
    """Why a folder is not a checkpoint, and what to name."""
    if not folder.exists():
        return f'{folder}: no such folder'
    if (folder / FOLDER).is_dir() and not folders(folder):
        return f'{folder} has saved no checkpoint yet; wait for one, or name another run'
    return f'{folder} is not a checkpoint; name the folder of one step, such as .../{FOLDER}/1000'


def _metadata(folder: epath.PathLike) -> ocp.CheckpointMetadata:
    folder = absolute(folder)
    if not (folder / _PARAMS).exists() or not ocp.is_orbax_checkpoint(folder):
        raise CheckpointError(_why_not(folder))
    try:
        found = _whole(ocp.checkpointables_metadata, folder)
    except _UNREADABLE as error:
        raise CheckpointError(f'{folder} is damaged: {type(error).__name__}: {str(error)[:200]}') from error
    if not isinstance(found.metadata.get(_PARAMS), Mapping):
        raise CheckpointError(f'{folder} is damaged: it does not say which arrays it holds')
    return found


def _differences(found: Mapping[str, Any], like: Params | Layout) -> list[str]:
    lines = [f'  {name}: in the checkpoint only' for name in sorted(set(found) - set(like))]
    lines += [f'  {name}: in the model only' for name in sorted(set(like) - set(found))]
    for name in sorted(set(like) & set(found)):
        if tuple(found[name].shape) != tuple(like[name].shape):
            lines.append(
                f'  {name}: {tuple(found[name].shape)} in the checkpoint, {tuple(like[name].shape)} in the model'
            )
    return lines
