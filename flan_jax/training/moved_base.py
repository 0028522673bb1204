"""Where the base model of an adapter is, once it was moved: a file beside the checkpoints says so."""

import json

from etils import epath

from flan_jax.files import locate, read_json, write_whole
from flan_jax.training.checkpoints import FOLDER

FILE = 'base.json'


def write_moved(checkpoint: epath.PathLike, was: str, now: epath.PathLike) -> epath.Path:
    """Notes that the base of a checkpoint, and of all others of its run, is elsewhere now; returns the file."""
    path = _beside(epath.Path(checkpoint))
    write_whole(path, json.dumps({'was': was, 'now': str(now)}))
    return path


def moved(checkpoint: epath.PathLike) -> dict[str, str]:
    """Where the base of a checkpoint `was` and is `now`, be it that both were moved since; nothing where it was not."""
    found = _read(_beside(epath.Path(checkpoint)))
    return found | {'now': locate(found['now'], checkpoint)} if found else {}


def moved_of_run(model_dir: epath.PathLike) -> dict[str, str]:
    """The same for all checkpoints of a run."""
    return _read(epath.Path(model_dir) / FILE)


def _beside(checkpoint: epath.Path) -> epath.Path:
    """In the folder of the run, or beside a checkpoint that is by itself."""
    if checkpoint.parent.name == FOLDER:
        return checkpoint.parent.parent / FILE
    return checkpoint.parent / f'{checkpoint.name}.{FILE}'


def _read(path: epath.Path) -> dict[str, str]:
    return read_json(path, 'remove it, and name the base again by `flan-jax adapter rebase`') if path.exists() else {}
