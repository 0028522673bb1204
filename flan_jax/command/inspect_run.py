"""flan-jax doctor MODEL_DIR: verifies that the files of a run are undamaged."""

import functools
from collections.abc import Callable, Iterator

from etils import epath

from flan_jax.errors import UserError

Check = tuple[str, str, str]
"""Name of a check, its finding, and what is wrong (else empty)."""


def checks_of_run(model_dir: str) -> Iterator[Check]:
    """Reads every array, sequence, record and line of a run."""
    from flan_jax import manifest
    from flan_jax.evaluation import records
    from flan_jax.loaded_model import POLICY
    from flan_jax.rollouts import rollout
    from flan_jax.training import checkpoints, metrics_log

    root = epath.Path(model_dir)
    if not root.is_dir():
        raise UserError(f'{model_dir}: no such folder; give the MODEL_DIR of a run')
    left = (
        manifest.exists(root),
        checkpoints.folders(root),
        (root / metrics_log.FILE).exists(),
        records.models_in(root),
    )
    if not any(left):
        raise UserError(f'{model_dir}: contains no run; give the MODEL_DIR of a run')
    yield _check('manifest', lambda: 'sound' if manifest.exists(root) and manifest.read(root) else '')
    for folder in checkpoints.folders(root):
        yield _check(f'checkpoint {folder.name}', functools.partial(_checkpoint, folder))
    if (root / POLICY).is_dir():
        yield _check('policy', lambda: _arrays(checkpoints.verify(root / POLICY)))
    if (root / rollout.FOLDER).is_dir():
        yield _check('rollouts', lambda: f'{rollout.verify(root)} rollouts')
    yield _check('metrics', lambda: f'{len(metrics_log.read(root))} lines')
    yield _check('stream', lambda: _stream(root))
    yield _check('records', lambda: _records(root))


def _check(name: str, look: Callable[[], str]) -> Check:
    try:
        return name, look() or 'none', ''
    except UserError as error:
        return name, 'damaged', str(error)


def _checkpoint(folder: epath.Path) -> str:
    from flan_jax.training import checkpoints

    return _arrays(checkpoints.verify(folder))


def _arrays(verified: int) -> str:
    return (
        f'{verified} arrays match their digests'
        if verified
        else 'readable; saved by an earlier version, without digests'
    )


def _stream(root: epath.Path) -> str:
    """Reads all sequences: ArrayRecord has checksums of its own."""
    from flan_jax import manifest
    from flan_jax.command.streams import stream_of_run
    from flan_jax.packing.stream import PackedStream

    made = manifest.read(root) if manifest.exists(root) else {}
    if not made.get('stream'):
        return ''
    folder = stream_of_run(made)
    if folder is None:
        return f'no longer in {made["run"]["stream"]["directory"]}'
    stream = PackedStream(folder)
    return f'{sum(len(stream.sequences([place])) for place in range(len(stream)))} sequences'


def _records(root: epath.Path) -> str:
    from flan_jax.evaluation import records

    of_models = [records.model_folder(root, model) for model in records.models_in(root)]
    folders = [folder for of_model in of_models for folder in records.folders_in(of_model)]
    for folder in folders:
        records.settings_of(folder)
        for error in records.damaged(folder):
            raise error
    return f'{sum(len(records.read(f, key)) for f in folders for key in records.complete(f))} records'
