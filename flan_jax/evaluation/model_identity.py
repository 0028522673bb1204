"""What identifies the weights that answered, so that the answers of other weights are never taken for theirs."""

from typing import Any

from etils import epath

from flan_jax.convert import peft
from flan_jax.convert.read import CONFIG_FILE
from flan_jax.files import read_json
from flan_jax.loaded_model import checkpoint_in, is_hugging_face
from flan_jax.model.config import DecoderConfig
from flan_jax.settings import identity
from flan_jax.training import checkpoints

SAVED = 'saved'
"""When a checkpoint was committed, in nanoseconds since 1970: no two checkpoints agree in it, copies of one do."""


def checkpoint_identity(folder: epath.PathLike) -> dict[str, Any]:
    """What identifies the weights of a checkpoint's folder: its step, when it was saved, and what it says of itself.

    Raises:
      CheckpointError: if there is no checkpoint.
    """
    folder = epath.Path(folder)
    metadata = checkpoints.metadata(folder)
    step = int(folder.name) if folder.name.isdigit() else None
    return {'step': step, SAVED: checkpoints.saved_at(folder), 'metadata': dict(metadata)}


def model_identity(folder: epath.PathLike) -> dict[str, Any]:
    """What identifies the weights of a model that `flan_jax.loaded_model.load` opens.

    Raises:
      CheckpointError: if there is none.
    """
    folder = epath.Path(folder)
    if peft.is_adapter(folder):
        return _files_identity(folder, peft.CONFIG_FILE) | {'base': model_identity(peft.base_of_adapter(folder))}
    if is_hugging_face(folder):
        return _files_identity(folder, CONFIG_FILE)
    return checkpoint_identity(checkpoint_in(folder))


def _files_identity(folder: epath.Path, config: str) -> dict[str, Any]:
    """By its configuration, and name, size and time of its safetensors."""
    files = [(file.name, file.stat()) for file in sorted(folder.glob('*.safetensors'))]
    tensors = {name: [found.length, int(found.mtime)] for name, found in files}
    return {'config': read_json(folder / config, 'fetch it again'), 'tensors': tensors}


def fresh_identity(model: DecoderConfig, seed: int) -> dict[str, Any]:
    """What identifies the weights of a decoder that are initialised by seed."""
    return {'fresh': identity(model), 'seed': seed}
