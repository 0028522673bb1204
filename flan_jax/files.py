"""What must hold of a folder before hours are spent on what should go there, and files that are whole or not there."""

import shutil
import uuid

from etils import epath

from flan_jax.errors import UserError


def require_writable(folder: epath.PathLike, macro: str) -> None:
    """Raises UserError, naming the macro that set the folder, unless files can be written there."""
    folder = epath.Path(folder)
    probe = folder / f'.writable-{uuid.uuid4().hex}'  # processes of one job may ask at the same time
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text('probe')
        probe.unlink()
    except OSError as error:
        raise UserError(f'{macro}={str(folder)!r} cannot be written: {error}; set {macro} to another folder') from error


def require_space(folder: epath.PathLike, num_bytes: int, macro: str, content: str) -> None:
    """Raises UserError unless `content` of `num_bytes` fits on the folder's disk; buckets have no end."""
    if '://' in str(folder):
        return
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise UserError(
            f'{macro}={str(folder)!r}: {content} need {num_bytes / 1e9:.3g} GB, {free / 1e9:.3g} GB are free; make '
            f'room, or set {macro} to a folder on a larger disk'
        )


def write_whole(path: epath.PathLike, text: str) -> None:
    """Writes a text file that is there only when it is complete, making its folder where it is missing."""
    path = epath.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f'.{path.name}.unfinished'
    unfinished.write_text(text)
    unfinished.replace(path)
