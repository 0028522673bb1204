"""Checkpoint folders: weights and optimizer state on disk, written by Orbax, either complete or absent.

A checkpoint's metadata describe what the weights belong to: model, vocabulary and stream.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
from etils import epath
from orbax.checkpoint import v1 as ocp
from orbax.checkpoint.utils import checkpoint_steps

from flan_jax.distributed.preemption import in_any_process, interruptible
from flan_jax.errors import UserError
from flan_jax.files import absolute, make_folder
from flan_jax.model.decoder import Layout, Params
from flan_jax.model.value_head import VALUE_HEAD
from flan_jax.settings import fingerprint
from flan_jax.training.digests import digests, path_name

FOLDER = 'checkpoints'
"""Folder of a run's checkpoints in its MODEL_DIR, one subfolder per step."""

PARAMS, OPTIMIZER = 'params', 'optimizer'
"""Names of a checkpoint's two parts."""

DIGESTS, NOTES, _OLD_DIGESTS = 'word_digests', 'notes', 'digests'
"""Keys of the metadata that describe the checkpoint itself. Digests of the older kind are ignored."""

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, OSError, RuntimeError, ocp.errors.InvalidLayoutError)
"""Errors of Orbax and TensorStore for files that are missing, truncated or changed."""


class CheckpointError(UserError):
    """A checkpoint is missing, broken, or belongs to something else."""


def load_params(folder: epath.PathLike, like: Params | Layout) -> Params:
    """The weights of a checkpoint folder, in the layout of `like` (arrays, or shapes with shardings).

    Raises:
      CheckpointError: if there is no checkpoint, it is damaged, or it has other parameters or shapes; lists them.
    """
    opened = _metadata(folder)
    found = opened.metadata[PARAMS]
    if VALUE_HEAD in found and VALUE_HEAD not in like:
        raise CheckpointError(
            f'{folder} is a reward model: its scalar head rates responses, and a language model has none. Name a '
            'checkpoint of a language model here'
        )
    if differences := _differences(found, like):
        raise CheckpointError(f'{folder} does not fit the model:\n' + '\n'.join(differences))
    if all(found[name].dtype == like[name].dtype for name in like):
        return read_verified(folder, {PARAMS: like}, opened)[0][PARAMS]
    # Verified in the saved dtype, then cast; one array at a time, to need little more memory than the cast weights.
    return {name: _verified_and_cast(folder, name, like, opened) for name in like}


def _verified_and_cast(
    folder: epath.PathLike, name: str, like: Params | Layout, opened: ocp.CheckpointMetadata
) -> jax.Array:
    dtype = opened.metadata[PARAMS][name].dtype
    one = jax.ShapeDtypeStruct(like[name].shape, dtype, sharding=like[name].sharding)
    others = {other: ocp.PLACEHOLDER for other in like if other != name}
    loaded = read_verified(folder, {PARAMS: {name: one} | others}, opened)[0][PARAMS][name]
    return loaded.astype(like[name].dtype)


def _uninterrupted(read: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a function of Orbax and delays Ctrl-C until it returns: its event loop would report a damaged file."""
    with interruptible() as check:
        try:
            return read(*arguments)
        except Exception:
            check('stopped while a checkpoint was read')
            raise


def read_verified(
    folder: epath.PathLike, like: Mapping[str, Any], opened: ocp.CheckpointMetadata | None = None
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Parts of a checkpoint in the layout of `like`, verified by their digests, and the checkpoint's metadata.

    Args:
      folder: the checkpoint's folder.
      like: arrays, or shapes with shardings, by part.
      opened: result of `_metadata`, if it has been called: it opens every array, which takes time.

    Raises:
      CheckpointError: if the checkpoint cannot be read, or arrays differ from what was saved; names them.
    """
    folder = absolute(folder)
    loaded: dict[str, Any] = {}
    custom: Mapping[str, Any] = {}
    failure: BaseException | None = None
    try:
        custom = (opened or _metadata(folder)).custom_metadata or {}
        loaded = _uninterrupted(ocp.load_checkpointables, folder, dict(like))
    except (CheckpointError, *_UNREADABLE) as error:
        failure = error
    if in_any_process(failure is not None):
        raise CheckpointError(
            f'{folder} cannot be read, it is damaged or of another model: '
            f'{type(failure).__name__}: {" ".join(str(failure).split())[:200]}'
        ) from failure
    kept = jax.tree.map(lambda array, wanted: None if wanted is ocp.PLACEHOLDER else array, loaded, dict(like))
    found = digests(kept) if DIGESTS in custom else {}
    if wrong := [name for name, value in found.items() if custom[DIGESTS].get(name) != value]:
        raise CheckpointError(
            f'{folder} is damaged: {", ".join(wrong)} {"is" if len(wrong) == 1 else "are"} not as saved '
            f'(digest {found[wrong[0]]}, saved {custom[DIGESTS].get(wrong[0])})'
        )
    return loaded, custom


def verify(folder: epath.PathLike) -> int:
    """Reads all arrays of a checkpoint and compares their digests; returns how many arrays have one.

    Raises:
      CheckpointError: if an array is damaged; names it.
    """
    read_all(folder)
    return len((_metadata(folder).custom_metadata or {}).get(DIGESTS, ()))


def read_all(folder: epath.PathLike) -> dict[str, jax.Array]:
    """All arrays of a checkpoint by path, on this process's first device. Raises CheckpointError as `verify`."""
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

    def layout(found) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(found.shape, found.dtype, sharding=device)

    opened = _metadata(folder)
    parts = {part: jax.tree.map(layout, arrays) for part, arrays in opened.metadata.items() if arrays}
    named, _ = jax.tree_util.tree_flatten_with_path(read_verified(folder, parts, opened)[0])
    return {path_name(path): array for path, array in named}


def save_params(folder: epath.PathLike, params: Params, metadata: Mapping[str, Any]) -> None:
    """Writes a checkpoint of weights alone, from which a run can start, with `metadata` of what they belong to."""
    make_folder(absolute(folder).parent)  # Orbax would wait forever for a parent that cannot be made
    custom = dict(metadata) | {DIGESTS: digests({PARAMS: params})}
    ocp.save_checkpointables(absolute(folder), {PARAMS: params}, custom_metadata=custom)


def parameter_metadata(folder: epath.PathLike) -> Mapping[str, Any]:
    """Shape and dtype of the parameters in a checkpoint folder. Raises CheckpointError as `load_params`."""
    return _metadata(folder).metadata[PARAMS]


def metadata(folder: epath.PathLike) -> Mapping[str, Any]:
    """What the weights of a checkpoint folder belong to. Raises CheckpointError as `load_params`."""
    custom = _metadata(folder).custom_metadata or {}
    return {name: value for name, value in custom.items() if name not in (DIGESTS, NOTES, _OLD_DIGESTS)}


def weights_digest(folder: epath.PathLike) -> str | None:
    """One digest of a checkpoint's weights, as they were saved; None for checkpoints of versions without digests.

    Raises CheckpointError as `load_params`.
    """
    saved = (_metadata(folder).custom_metadata or {}).get(DIGESTS, {})
    weights = {name: value for name, value in saved.items() if name.startswith(f'{PARAMS}/')}
    return fingerprint(weights) if weights else None


def saved_at(folder: epath.PathLike) -> int:
    """When a checkpoint was committed, in nanoseconds since 1970. Raises CheckpointError as `load_params`."""
    return _metadata(folder).commit_timestamp_nsecs


def latest_folder(model_dir: epath.PathLike) -> epath.Path | None:
    """The newest complete checkpoint of a run; None if there is none."""
    return next(reversed(folders(model_dir)), None)


def folders(model_dir: epath.PathLike) -> list[epath.Path]:
    """The complete checkpoints of a run, by step."""
    root = absolute(model_dir) / FOLDER
    steps = checkpoint_steps(root)  # Orbax knows which are complete: in buckets, folders appear earlier
    return [root / str(step) for step in sorted(steps)]


def latest_step(model_dir: epath.PathLike) -> int:
    """The step of the newest complete checkpoint of a run; 0 if there is none."""
    folder = latest_folder(model_dir)
    return int(folder.name) if folder else 0


def _why_not(folder: epath.Path) -> str:
    """The message for a folder that is not a checkpoint."""
    if not folder.exists():
        return f'{folder}: no such folder'
    if (folder / FOLDER).is_dir() and not folders(folder):
        return f'{folder} has saved no checkpoint yet; wait for one, or name another run'
    return f'{folder} is not a checkpoint; name the folder of one step, such as .../{FOLDER}/1000'


def _metadata(folder: epath.PathLike) -> ocp.CheckpointMetadata:
    folder = absolute(folder)
    if not (folder / PARAMS).exists() or not ocp.is_orbax_checkpoint(folder):
        raise CheckpointError(_why_not(folder))
    try:
        found = _uninterrupted(ocp.checkpointables_metadata, folder)
    except _UNREADABLE as error:
        raise CheckpointError(f'{folder} is damaged: {type(error).__name__}: {str(error)[:200]}') from error
    if not isinstance(found.metadata.get(PARAMS), Mapping):
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
