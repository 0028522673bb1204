"""Identities of models, so that records of different weights are never mixed."""

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
"""Key of a checkpoint's commit time, in nanoseconds since 1970: it is unique, and copies of a checkpoint share it."""


def checkpoint_identity(folder: epath.PathLike) -> dict[str, Any]:
    """The identity of a checkpoint's weights: step, time of saving and metadata.

    Raises:
      CheckpointError: if there is no checkpoint.
    """
    folder = epath.Path(folder)
    metadata = checkpoints.metadata(folder)
    step = int(folder.name) if folder.name.isdigit() else None
    return {'step': step, SAVED: checkpoints.saved_at(folder), 'metadata': dict(metadata)}


def model_identity(folder: epath.PathLike) -> dict[str, Any]:
    """The identity of the weights of a model that `flan_jax.loaded_model.load` opens.

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
    """The configuration, and name, size and modification time of the safetensors files."""
    files = [(file.name, file.stat()) for file in sorted(folder.glob('*.safetensors'))]
    tensors = {name: [found.length, int(found.mtime)] for name, found in files}
    return {'config': read_json(folder / config, 'fetch it again'), 'tensors': tensors}


def fresh_identity(model: DecoderConfig, seed: int) -> dict[str, Any]:
    """The identity of random weights, by decoder and seed."""
    return {'fresh': identity(model), 'seed': seed}
