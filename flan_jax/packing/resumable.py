"""Resuming packing that was killed: packed sequences are kept in parts until the stream is complete.

Next to the folder of a stream that is being packed is `.NAME.parts`. It holds files of sequences, written atomically,
and the state of packing after the latest of them in `state`. The next call resumes from there; the sequences are the
same, bit for bit. In buckets, and on disks without locks, packing starts from the beginning.
"""

import contextlib
import fcntl
import itertools
import json
import shutil
import time
from collections.abc import Iterator

import safetensors
from array_record.python import array_record_module
from etils import epath

from flan_jax.files import in_bucket, whole_file
from flan_jax.packing.example import PackedSequence
from flan_jax.packing.packing import Packing, State
from flan_jax.progress import CONSOLE

SEQUENCES_PER_PART = 1024
"""Sequences per part; at most about this many are packed again after a kill."""

STATE = 'state'

_DAMAGE = (ValueError, TypeError, LookupError, RuntimeError, FileNotFoundError, safetensors.SafetensorError)
"""Errors of JSON, ArrayRecord and safetensors for files that were changed or truncated."""

_VERSION = 1
"""Version of the format of states."""

_ABANDONED_SECONDS = 7 * 24 * 3600
"""Age at which unused parts are removed."""


@contextlib.contextmanager
def resumable(folder: epath.Path, packing: Packing) -> Iterator[Iterator[PackedSequence]]:
    """The sequences of a packing for the stream in `folder`, from parts if there are any; removes parts at the end."""
    if in_bucket(folder):
        yield iter(packing)
        return
    _remove_abandoned(folder.parent)
    parts = folder.parent / f'.{folder.name}.parts'
    with _alone_in(parts) as alone:
        done = False
        try:
            yield _sequences(parts, packing) if alone else iter(packing)
            done = True
        finally:
            if alone and (done or not (parts / STATE).exists()):
                shutil.rmtree(parts, ignore_errors=True)


@contextlib.contextmanager
def _alone_in(parts: epath.Path) -> Iterator[bool]:
    """Locks the parts; yields False if another process packs the same stream, in which case both pack all of it."""
    parts.mkdir(parents=True, exist_ok=True)
    with (parts / 'lock').open('a') as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True


def _sequences(parts: epath.Path, packing: Packing) -> Iterator[PackedSequence]:
    """The sequences of existing parts, then newly packed ones, which are written as further parts."""
    state = _restored(parts)
    if state is not None:
        for first in range(0, state.sequences, SEQUENCES_PER_PART):
            yield from map(PackedSequence.from_bytes, _read(parts / f'{first}'))
        packing.resume(state)
        CONSOLE.print(f'packing goes on after {state.sequences:,} sequences that are in {parts}', soft_wrap=True)
    sequences = iter(packing)
    for first in itertools.count(state.sequences if state else 0, SEQUENCES_PER_PART):
        part = []
        for sequence in itertools.islice(sequences, SEQUENCES_PER_PART):
            part.append(sequence.to_bytes())
            yield sequence
        if len(part) < SEQUENCES_PER_PART:
            return
        _write(parts / f'{first}', part)
        _save_state(parts, packing.state)


def _restored(parts: epath.Path) -> State | None:
    """The saved state; None if there is none, or if it is damaged, which is reported, and the state removed."""
    try:
        if not (parts / STATE).exists():
            return None
        content, *sequences = _read(parts / STATE)
        found = json.loads(content)
        whole = (_read(parts / f'{first}') for first in range(0, found['sequences'], found['per_part']))
        known = found['version'] == _VERSION and found['per_part'] == SEQUENCES_PER_PART
        if known and all(len(part) == SEQUENCES_PER_PART for part in whole):
            return State.of(found, list(map(PackedSequence.from_bytes, sequences)))
        reason = 'they are of another version, or not complete'
    except _DAMAGE as error:
        reason = f'{type(error).__name__}: {str(error)[:200]}'
    CONSOLE.print(f'{parts}: what was packed before is not used, packing starts anew ({reason})', soft_wrap=True)
    (parts / STATE).unlink()
    return None


def _save_state(parts: epath.Path, state: State) -> None:
    content = json.dumps(state.as_json | {'version': _VERSION, 'per_part': SEQUENCES_PER_PART}).encode()
    _write(parts / STATE, [content, *(sequence.to_bytes() for sequence in state.open.sequences)])


def _write(path: epath.Path, records: list[bytes]) -> None:
    with whole_file(path) as unfinished:
        writer = array_record_module.ArrayRecordWriter(str(unfinished), 'group_size:1')
        for record in records:
            writer.write(record)
        writer.close()


def _read(path: epath.Path) -> list[bytes]:
    reader = array_record_module.ArrayRecordReader(str(path))
    try:
        return reader.read(list(range(reader.num_records())))
    finally:
        reader.close()


def _remove_abandoned(directory: epath.Path) -> None:
    """Removes parts that have not been used for long."""
    for parts in directory.glob('.*.parts'):
        if time.time() - parts.stat().mtime > _ABANDONED_SECONDS:
            shutil.rmtree(parts, ignore_errors=True)
