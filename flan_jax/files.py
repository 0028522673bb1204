"""Files and folders: checks before long work, and atomic writes, so that whatever exists is complete."""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any

from etils import epath

from flan_jax.errors import UserError, says_disk_is_full

_UNFINISHED, _CLAIM = '.unfinished', '.claim'
_FOLDERS_OF_A_RUN = 3
"""Folder levels above one step of a run: its checkpoints, the run, and the folder of a study or `flan-jax tune`."""


class DamagedFile(UserError):
    """A file was truncated or changed after it was written."""


def read_json(path: epath.PathLike, advice: str) -> dict[str, Any]:
    """The JSON object in a file.

    Args:
      path: the file.
      advice: what the user should do if it is damaged.

    Raises:
      DamagedFile: if it is truncated or not a JSON object; names the file.
    """
    try:
        content = json.loads(epath.Path(path).read_bytes().decode('utf-8'))
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f'{path} is damaged: not JSON ({str(error)[:100]}); {advice}') from error
    if not isinstance(content, dict):
        raise DamagedFile(f'{path} is damaged: not a JSON object; {advice}')
    return content


def read_utf8(path: epath.PathLike) -> str:
    """The text of a user's file without byte order mark; raises UserError, naming file and byte, if it is not UTF-8."""
    content = epath.Path(path).read_bytes()
    try:
        return content.decode('utf-8').removeprefix('\ufeff').replace('\r\n', '\n')
    except UnicodeDecodeError as error:
        raise UserError(f'{path}: byte {error.start} is not UTF-8 ({error.reason}); convert the file') from error


def cache_folder(name: str) -> epath.Path:
    """A folder below ~/.cache ($XDG_CACHE_HOME) that only this user can access."""
    folder = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser() / 'flan_jax' / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return epath.Path(folder)


def require_writable(folder: epath.PathLike, macro: str) -> None:
    """Raises UserError, naming the macro that set the folder, unless files can be written there."""
    folder = epath.Path(folder)
    probe = _beside(folder / 'writable')  # processes of one job may try at the same time
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_text('probe')
        probe.unlink()
        remove_litter(folder)
    except OSError as error:
        raise UserError(f'{macro}={str(folder)!r} cannot be written: {error}; set {macro} to another folder') from error


def require_writable_file(path: epath.PathLike, option: str) -> None:
    """As `require_writable`, for a file that is to be written; creates its folder if it is missing."""
    path = epath.Path(path)
    if path.is_dir():
        raise UserError(f'{option}={str(path)!r} is a folder; give a file name')
    require_writable(path.parent, option)


def make_folder(folder: epath.PathLike) -> None:
    """Creates a folder and its parents if they are missing; raises UserError if that fails."""
    try:
        epath.Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if says_disk_is_full(error):
            raise
        raise UserError(f'{str(folder)!r} cannot be created: {error}; choose another folder') from error


def require_space(folder: epath.PathLike, num_bytes: int, macro: str, content: str) -> None:
    """Raises UserError unless `content` of `num_bytes` fits on the folder's disk; buckets are unlimited."""
    if in_bucket(epath.Path(folder)):
        return
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise UserError(
            f'{macro}={str(folder)!r}: {content} need {num_bytes / 1e9:.3g} GB, {free / 1e9:.3g} GB are free; '
            f'free space, or set {macro} to a folder on a larger disk'
        )


def write_whole(path: epath.PathLike, text: str) -> None:
    """Writes a text file atomically; creates its folder if it is missing."""
    with whole_file(path) as unfinished:
        unfinished.write_bytes(text.encode('utf-8'))  # epath's write_text uses the locale's encoding


@contextlib.contextmanager
def whole_file(path: epath.PathLike) -> Iterator[epath.Path]:
    """A temporary file that is renamed to `path` if the body succeeds, and removed otherwise; the last writer wins."""
    path = epath.Path(path)
    make_folder(path.parent)
    unfinished = _beside(path)
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def unfinished_folder(destination: epath.PathLike, on_disk: bool = False) -> Iterator[epath.Path]:
    """A temporary folder to write into before `publish`; removed unless it was published.

    Args:
      destination: its later name; the temporary folder is next to it.
      on_disk: whether it must be on a local disk, even if the destination is in a bucket.
    """
    destination = epath.Path(destination)
    if on_disk and in_bucket(destination):
        remove_litter(tempfile.gettempdir())
        folder = epath.Path(tempfile.mkdtemp(prefix=f'.{destination.name}~{_owner()}~', suffix=_UNFINISHED))
    else:
        make_folder(destination.parent)
        folder = _beside(destination)
        make_folder(folder)
    try:
        yield folder
    finally:
        if folder.exists():
            folder.rmtree()


def publish(unfinished: epath.PathLike, destination: epath.PathLike, marker: str) -> bool:
    """Renames a finished folder to its destination, unless another writer was first.

    On a disk this is atomic. In a bucket, folders are copied file by file, the marker last: a folder is complete if its
    marker exists.

    Args:
      unfinished: the folder, which nobody else writes to.
      destination: its final name.
      marker: a file in it that identifies a complete folder.

    Returns:
      True if this folder was published, False if that of another writer is there already.

    Raises:
      UserError: if there is an incomplete folder at the destination.
    """
    unfinished, destination = epath.Path(unfinished), epath.Path(destination)
    if in_bucket(destination):
        if (destination / marker).exists():
            return False
        _copy_into(unfinished, destination, without=marker)
        (unfinished / marker).copy(destination / marker, overwrite=True)
        return True
    try:
        os.rename(unfinished, destination)
    except OSError as error:
        if (destination / marker).exists():
            return False
        if destination.exists():
            raise UserError(
                f'{destination} exists, but is not complete, because it has no {marker}; remove it'
            ) from error
        raise
    return True


@contextlib.contextmanager
def only_writer(destination: epath.PathLike) -> Iterator[None]:
    """Prevents other processes from publishing a folder of the same name in a bucket while the body runs.

    Buckets have no atomic rename of folders. Each writer therefore creates a claim file next to the folder, and then
    looks for claims of others: of two writers at least one sees the other's claim, and is refused. On a disk the first
    rename wins, and no claim is needed.

    Raises:
      UserError: if another process writes there, or has left its claim when it died.
    """
    destination = epath.Path(destination)
    if not in_bucket(destination):
        yield
        return
    claim = destination.parent / f'.{destination.name}~{_owner()}~{uuid.uuid4().hex}{_CLAIM}'
    claim.parent.mkdir(parents=True, exist_ok=True)
    claim.write_text('')
    try:
        if others := [path for path in _claims(destination) if path.name != claim.name]:
            raise UserError(
                f'{destination} is being written by another process (see {others[0]}); try again when it has '
                'ended, or remove that file if no such process exists'
            )
        yield
    finally:
        claim.unlink(missing_ok=True)


def _claims(destination: epath.Path) -> list[epath.Path]:
    begins = f'.{destination.name}~'
    return [
        path for path in destination.parent.iterdir() if path.name.startswith(begins) and path.name.endswith(_CLAIM)
    ]


def _beside(path: epath.Path) -> epath.Path:
    return path.parent / f'.{path.name}~{_owner()}~{uuid.uuid4().hex}{_UNFINISHED}'


def _owner() -> str:
    return f'{socket.gethostname()}~{os.getpid()}'


def remove_litter(folder: epath.PathLike) -> None:
    """Removes temporary files of dead processes of this machine from a folder, and from the records below it."""
    if in_bucket(folder):
        return
    for place in ('', '*/', 'evaluation/*/*/'):
        for path in pathlib.Path(folder).glob(f'{place}.*{_UNFINISHED}'):
            host, process = [*path.name.split('~'), '', ''][1:3]
            if host == socket.gethostname() and process.isdigit() and not _is_alive(int(process)):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def absolute(path: epath.PathLike) -> epath.Path:
    """The absolute path; paths in buckets are returned unchanged, since `epath` would treat them as relative."""
    path = epath.Path(path)
    return path if in_bucket(path) else path.absolute()


def locate(path: str, beside: epath.PathLike) -> str:
    """Resolves a path that is stored in a checkpoint in the folder `beside`.

    A run that was moved, or is opened from another working directory, still finds files within its own folder: suffixes
    of the path are looked up below the parents of `beside`, the longest suffix and the nearest parent first. The
    checkpoint itself and its siblings are never returned. Returns the path unchanged if it exists or nothing is found.
    """
    if epath.Path(path).exists():
        return path
    parts = epath.Path(path).parts
    ends = (epath.Path(*parts[start:]) for start in range(1, len(parts)))
    siblings, *around = list(absolute(beside).parents)[:_FOLDERS_OF_A_RUN]
    found = (folder / end for end in ends for folder in around)
    return next((str(place) for place in found if place.parent != siblings and place.exists()), path)


def in_bucket(path: epath.PathLike) -> bool:
    """Whether a path is in a bucket (gs://, s3://), without atomic renames of folders and without a limit of space."""
    return '://' in str(path)


def _copy_into(source: epath.Path, destination: epath.Path, without: str = '') -> None:
    destination.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if file.is_dir():
            _copy_into(file, destination / file.name)
        elif file.name != without:
            file.copy(destination / file.name, overwrite=True)
