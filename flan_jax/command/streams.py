"""Opens streams by their own folder or by that of the run that was trained on them."""

from collections.abc import Mapping
from typing import Any

from etils import epath

from flan_jax.errors import UserError
from flan_jax.packing.stream import MANIFEST_FILE, PackedStream
from flan_jax.settings import fingerprint


def stream_of_run(made: Mapping[str, Any]) -> epath.Path | None:
    """The folder of the stream that the run of a manifest was trained on; None if it does not exist any more."""
    directory = epath.Path(made['run']['stream']['directory'])
    folders = directory.glob(f'*-{fingerprint(made["stream"]["recipe"])}') if directory.is_dir() else ()
    return next((folder for folder in folders if (folder / MANIFEST_FILE).exists()), None)


def open_stream(path: str) -> tuple[PackedStream, dict[str, Any] | None]:
    """The stream that `path` names, and the run's manifest if `path` is the folder of a run.

    Raises:
      UserError: if it is neither a stream nor a run, or a run without a stream.
    """
    from flan_jax import manifest

    if (epath.Path(path) / MANIFEST_FILE).exists():
        return PackedStream(path), None
    if not manifest.exists(path):
        raise UserError(
            f'{path} is neither the folder of a stream (with {MANIFEST_FILE}) nor that of a run (with '
            'manifest.json); `flan-jax pack` writes streams to Stream.directory'
        )
    made = manifest.read(path)
    if not made['stream']:
        raise UserError(f'{path}: this run has no stream, because it did not tune a model')
    folder = stream_of_run(made)
    if folder is None:
        raise UserError(
            f'{path}: the stream of this run is no longer in {made["run"]["stream"]["directory"]}; run `flan-jax '
            'pack` with its configuration to write it again'
        )
    return PackedStream(folder), made
