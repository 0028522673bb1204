"""The new location of an adapter's base model, noted in a file next to the checkpoints."""

import json

from etils import epath

from flan_jax.files import locate, read_json, write_whole
from flan_jax.training.checkpoints import FOLDER

FILE = 'base.json'


def write_moved(checkpoint: epath.PathLike, was: str, now: epath.PathLike) -> epath.Path:
    """Notes that the base of a checkpoint, and of all others of its run, has moved; returns the file."""
    path = _beside(epath.Path(checkpoint))
    write_whole(path, json.dumps({'was': was, 'now': str(now)}))
    return path


def moved(checkpoint: epath.PathLike) -> dict[str, str]:
    """Where the base of a checkpoint `was` and is `now`, even if both moved later; empty if not noted."""
    found = _read(_beside(epath.Path(checkpoint)))
    return found | {'now': locate(found['now'], checkpoint)} if found else {}


def moved_of_run(model_dir: epath.PathLike) -> dict[str, str]:
    """The same for all checkpoints of a run."""
    return _read(epath.Path(model_dir) / FILE)


def _beside(checkpoint: epath.Path) -> epath.Path:
    """The file: in the folder of the run, or next to a checkpoint that belongs to no run."""
    if checkpoint.parent.name == FOLDER:
        return checkpoint.parent.parent / FILE
    return checkpoint.parent / f'{checkpoint.name}.{FILE}'


def _read(path: epath.Path) -> dict[str, str]:
    return read_json(path, 'remove it, and name the base again by `flan-jax adapter rebase`') if path.exists() else {}
