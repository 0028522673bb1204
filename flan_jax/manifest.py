"""MODEL_DIR/manifest.json: what was run, so that it can be run again, and so that another run is not mixed into it."""

import dataclasses
import importlib.metadata
import json
import pathlib
import platform
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import jax
from etils import epath

import flan_jax
from flan_jax.errors import UserError
from flan_jax.files import write_whole
from flan_jax.packing.stream import StreamManifest
from flan_jax.run import Run

FILE = 'manifest.json'

PACKAGES = (
    'jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'grain', 'array_record', 'tensorflow', 'tensorflow-datasets',
    'seqio', 't5', 'sentencepiece', 'gin-config', 'numpy',
)  # fmt: skip

TRAINED_BY = ('model', 'stream', 'objective', 'training', 'tuning', 'initial_checkpoint')
"""Parts of an experiment on which its weights depend."""

_MAY_CHANGE = {
    ('stream', 'directory'),
    ('training', 'log_every'),
    ('training', 'checkpoint_every'),
    ('training', 'keep_checkpoints'),
    ('training', 'microbatches'),
    ('training', 'remat'),
}
"""Settings that change nothing in the weights but rounding."""


class ManifestError(UserError):
    """MODEL_DIR belongs to another run."""


def make(
    experiment: Run,
    command: str,
    gin_text: str,
    stream: StreamManifest | None,
    missing: tuple[str, ...] = (),
    hold_out: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The manifest of a run.

    Args:
      experiment: what is done.
      command: the command line that does it.
      gin_text: the whole configuration.
      stream: what is tuned on; None for a run that only evaluates.
      missing: datasets of the mixture that are not prepared.
      hold_out: the proof that what is held out is not tuned on; None where there is none.
    """
    return {
        'experiment': as_plain(experiment),
        'command': command,
        'gin': gin_text,
        'versions': versions(),
        'git_commit': git_commit(),
        'stream': as_plain(stream) | {'fingerprint': stream.fingerprint} if stream else None,
        'missing_datasets': list(missing),
        'hold_out': hold_out,
    }


def write(model_dir: str, manifest: Mapping[str, Any]) -> None:
    """Writes the manifest, or raises ManifestError where MODEL_DIR holds the manifest of a run with other weights.

    Of several processes all look, and the first writes.
    """
    path = epath.Path(model_dir) / FILE
    before = json.loads(path.read_text()) if path.exists() else None
    tuned_before = before and before['stream']
    if tuned_before and (changed := _changes(before, as_plain(manifest))):
        raise ManifestError(
            f'{model_dir} holds a run with another configuration:\n'
            + '\n'.join(f'  {line}' for line in changed)
            + '\nchoose another MODEL_DIR (with INITIAL_CHECKPOINT_PATH to go on from these weights), or set it back'
        )
    if jax.process_index() > 0:
        return
    write_whole(path, json.dumps(manifest, indent=2))


def exists(model_dir: epath.PathLike) -> bool:
    """Whether a run has begun there."""
    return (epath.Path(model_dir) / FILE).exists()


def read(model_dir: epath.PathLike) -> dict[str, Any]:
    """The manifest of a run; raises ManifestError where there is none."""
    path = epath.Path(model_dir) / FILE
    if not path.exists():
        raise ManifestError(f'no {FILE} in {model_dir}; `flan-jax train` or `flan-jax run` writes it')
    return json.loads(path.read_text())


def versions() -> dict[str, str]:
    """Python and the packages that results may depend on."""
    found = {'python': platform.python_version(), 'flan_jax': flan_jax.__version__}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = 'not installed'
    return found


def git_commit() -> str | None:
    """The commit of the source tree, with '+changes' where it is not clean; None outside a repository."""
    root = pathlib.Path(flan_jax.__file__).parent
    if not (root.parent / '.git').exists():
        return None
    try:
        commit = subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=root, capture_output=True, text=True, check=True)
        dirty = subprocess.run(['git', 'status', '--porcelain'], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + ('+changes' if dirty.stdout.strip() else '')


def as_plain(value: Any) -> Any:
    """Dataclasses and tuples as JSON knows them."""
    if dataclasses.is_dataclass(value):
        fields = {field.name: as_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {'type': type(value).__name__} | fields
    if isinstance(value, Mapping):
        return {name: as_plain(item) for name, item in value.items()}
    return [as_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return list(_differences(_weights_depend_on(before), _weights_depend_on(now)))


def _weights_depend_on(manifest: Mapping[str, Any]) -> dict[str, Any]:
    experiment = manifest['experiment']
    parts = {
        part: {k: v for k, v in experiment[part].items() if (part, k) not in _MAY_CHANGE}
        if isinstance(experiment.get(part), Mapping)
        else experiment.get(part)
        for part in TRAINED_BY
    }
    return parts | {'data': manifest['stream'] and manifest['stream']['recipe']}


def _differences(before: Any, now: Any, where: str = '') -> Iterator[str]:
    """One line per value that differs."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in {**before, **now}:
            yield from _differences(before.get(name), now.get(name), f'{where}.{name}' if where else name)
    elif before != now:
        yield f'{where}: {before} before, {now} now'
