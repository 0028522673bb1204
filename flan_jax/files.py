"""Folders that are checked before hours are spent, and files and folders that are there only when they are complete."""

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
"""From one step of a run: its checkpoints, the run, the folder of a `flan-jax tune` or a study around it."""


class DamagedFile(UserError):
    """A file on disk is not what was written there."""


def read_json(path: epath.PathLike, advice: str) -> dict[str, Any]:
    """The JSON object in a file.

    Args:
      path: the file.
      advice: what to do where it is damaged.

    Raises:
      DamagedFile: if it is cut short, or no JSON object; names the file.
    """
    try:
        content = json.loads(epath.Path(path).read_bytes().decode('utf-8'))
    except (ValueError, RecursionError) as error:
        raise DamagedFile(f'{path} is damaged: not JSON ({str(error)[:100]}); {advice}') from error
    if not isinstance(content, dict):
        raise DamagedFile(f'{path} is damaged: holds no JSON object; {advice}')
    return content


def read_utf8(path: epath.PathLike) -> str:
    """The text of a user's file, without a byte order mark; raises UserError, naming the byte, for other than UTF-8."""
    content = epath.Path(path).read_bytes()
    try:
        return content.decode('utf-8').removeprefix('\ufeff').replace('\r\n', '\n')
    except UnicodeDecodeError as error:
        raise UserError(f'{path}: byte {error.start} is not UTF-8 ({error.reason}); convert the file') from error


def cache_folder(name: str) -> epath.Path:
    """A folder of this user's own below ~/.cache ($XDG_CACHE_HOME), which nobody else can write to."""
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
    """As `require_writable`, for a file that is to be written, whose folder is made where it is missing."""
    path = epath.Path(path)
    if path.is_dir():
        raise UserError(f'{option}={str(path)!r} is a folder; name a file in it')
    require_writable(path.parent, option)


def make_folder(folder: epath.PathLike) -> None:
    """Makes a folder, and those around it, where it is missing; raises UserError where that cannot be."""
    try:
        epath.Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if says_disk_is_full(error):
            raise
        raise UserError(f'{str(folder)!r} cannot be made: {error}; name another folder') from error


def require_space(folder: epath.PathLike, num_bytes: int, macro: str, content: str) -> None:
    """Raises UserError unless `content` of `num_bytes` fits on the folder's disk; buckets have no end."""
    if in_bucket(epath.Path(folder)):
        return
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise UserError(
            f'{macro}={str(folder)!r}: {content} need {num_bytes / 1e9:.3g} GB, {free / 1e9:.3g} GB are free; make '
            f'room, or set {macro} to a folder on a larger disk'
        )


def write_whole(path: epath.PathLike, text: str) -> None:
    """Writes a text file that is there only when it is complete, making its folder where it is missing."""
    with whole_file(path) as unfinished:
        unfinished.write_bytes(text.encode('utf-8'))  # epath's texts are in the locale's encoding


@contextlib.contextmanager
def whole_file(path: epath.PathLike) -> Iterator[epath.Path]:
    """A file to write to that gets its name when the body has ended well, else is removed; the last writer wins."""
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
    """A new folder to write into before `publish`; it is removed unless it was published.

    Args:
      destination: the folder beside which it is made.
      on_disk: whether it must be on this machine's own disk, also where the destination is in a bucket.
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
    """Gives a finished folder its name, unless another was there first.

    On a disk that is one step. In a bucket folders are copied file by file, so a folder there is complete when its
    marker is, which is copied last.

    Args:
      unfinished: the folder, which nobody else writes to.
      destination: its name from now on.
      marker: a file in it that tells a complete folder.

    Returns:
      Whether it is this folder that is there now; another writer's, which came first, is left as it is.

    Raises:
      UserError: if something that is not complete is in the way.
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
                f'{destination} is in the way and has no {marker}, so it is not complete; remove it'
            ) from error
        raise
    return True


@contextlib.contextmanager
def only_writer(destination: epath.PathLike) -> Iterator[None]:
    """Keeps others from publishing a folder of the same name in a bucket until the body has ended.

    There no rename makes a folder whole in one step. So each writer leaves a claim beside it and then looks for those
    of others: of two at least one sees the other's, and is refused. On a disk the first rename wins, and nothing is
    claimed.

    Raises:
      UserError: if another writes there, or has left its claim when it died.
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
                f'{destination} is being written by another process, as {others[0]} says; try again once it is done, '
                'or remove that file where nothing is'
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
    """Removes what dead processes of this machine left unfinished in a folder, and in those of records below it."""
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
    """The absolute path; one in a bucket stays as it is, which `epath` would take for a relative one."""
    path = epath.Path(path)
    return path if in_bucket(path) else path.absolute()


def locate(path: str, beside: epath.PathLike) -> str:
    """Where a path leads that a checkpoint in the folder `beside` names.

    A run that was moved, or is opened from another working directory, still finds what lies within its own folder: the
    end of the path is looked for below the folders around `beside`, the longest end and the nearest folder first. The
    checkpoint itself and those beside it are never meant. Returns the path itself where it exists, or nothing is found.
    """
    if epath.Path(path).exists():
        return path
    parts = epath.Path(path).parts
    ends = (epath.Path(*parts[start:]) for start in range(1, len(parts)))
    siblings, *around = list(absolute(beside).parents)[:_FOLDERS_OF_A_RUN]
    found = (folder / end for end in ends for folder in around)
    return next((str(place) for place in found if place.parent != siblings and place.exists()), path)


def in_bucket(path: epath.PathLike) -> bool:
    """Whether a path is in a bucket (gs://, s3://), where there are no folders to rename, and no end of space."""
    return '://' in str(path)


def _copy_into(source: epath.Path, destination: epath.Path, without: str = '') -> None:
    destination.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        if file.is_dir():
            _copy_into(file, destination / file.name)
        elif file.name != without:
            file.copy(destination / file.name, overwrite=True)
