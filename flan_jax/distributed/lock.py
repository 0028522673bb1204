"""One run at a time per folder: a second run is refused, with a message that names the first."""

import contextlib
import datetime
import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator

import jax
from etils import epath

from flan_jax.distributed import processes
from flan_jax.distributed.processes import ProcessesError
from flan_jax.errors import UserError
from flan_jax.files import in_bucket
from flan_jax.progress import CONSOLE

FILE = '.run.lock'
"""File in MODEL_DIR. The operating system releases the lock when its process ends, however it ends."""


@contextlib.contextmanager
def only_run(model_dir: epath.PathLike) -> Iterator[None]:
    """Locks a folder while the body runs; process 0 holds the lock for all processes of a job.

    Buckets have no locks: there, a second run is not refused.

    Raises:
      UserError: if another run is in the folder; names its process and host.
    """
    with contextlib.ExitStack() as stack:
        failure = None
        if jax.process_index() == 0 and not in_bucket(model_dir):
            try:
                stack.enter_context(_locked(epath.Path(model_dir)))
            except UserError as error:
                failure = error
        message = processes.broadcast_from_first(failure and str(failure))
        if message is not None:
            raise failure or ProcessesError(f'process 0: {message}')
        yield


@contextlib.contextmanager
def _locked(folder: epath.Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / FILE, 'a+', encoding='utf-8') as file:
        try:
            _take(file)
        except BlockingIOError as error:
            raise UserError(
                f'MODEL_DIR={str(folder)!r}: another run is at work there{_holder(file)}; wait for its end, stop '
                'it, or choose another MODEL_DIR'
            ) from error
        except OSError as error:
            CONSOLE.print(f'{folder} is on a disk without locks ({error.strerror}): start no second run there')
        file.truncate(0)
        began = datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')
        file.write(json.dumps({'host': socket.gethostname(), 'pid': os.getpid(), 'since': began}))
        file.flush()
        yield


def _take(file) -> None:
    """Locks a file; raises BlockingIOError if it stays locked for longer than `at_work` holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.2)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def at_work(model_dir: epath.PathLike) -> str:
    """The run that is at work in a folder, such as 'process 12 on host, since 2026-01-01T00:00:00'; empty for none.

    For a bucket, or a disk without locks, it says that it is not known.
    """
    path = epath.Path(model_dir) / FILE
    if in_bucket(model_dir):
        return 'not known: buckets have no locks'
    if not path.exists():
        return ''
    with open(path, 'a+', encoding='utf-8') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(file).removeprefix(': ') or 'a process that is about to say who it is'
        except OSError as error:
            return f'not known: a disk without locks ({error.strerror})'
    return ''


def _holder(file) -> str:
    """The holder of a lock, as written in its file; empty if it is not written yet."""
    file.seek(0)
    try:
        held = json.loads(file.read())
        return f': process {held["pid"]} on {held["host"]}, since {held["since"]}'
    except (ValueError, LookupError, TypeError):  # locked just now, not yet written
        return ''
