"""MODEL_DIR/manifest.json: the configuration of a run, to repeat it, and to keep other runs out of its folder."""

import importlib.metadata
import json
import pathlib
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from etils import epath

import flan_jax
from flan_jax.errors import UserError
from flan_jax.files import read_json, write_whole
from flan_jax.packing.sequence_files import STORAGE
from flan_jax.packing.stream import StreamManifest
from flan_jax.settings import Settings, as_plain, fingerprint
from flan_jax.training.moved_base import moved_of_run

FILE = 'manifest.json'

PACKAGES = (
    'jax', 'jaxlib', 'flax', 'optax', 'orbax-checkpoint', 'grain', 'array_record', 'tensorflow', 'tensorflow-datasets',
    'seqio', 't5', 'sentencepiece', 'gin-config', 'numpy',
)  # fmt: skip

TRAINED_BY = ('model', 'stream', 'objective', 'tuning', 'prompt_format', 'training', 'initial_checkpoint')
"""Parts of a run's settings that its weights depend on, except for data, which are part of the stream's recipe."""

_MAY_CHANGE = {
    'stream.directory',
    'training.log_every',
    'training.checkpoint_every',
    'training.checkpoints',
    'training.keep_checkpoints',
    'training.microbatches',
    'training.remat',
    'model.position.trained_length',
}
"""Settings among these that change the weights by rounding at most."""

_NOTHING_AT = {'training.residual_dropout': 0.0}
"""Settings that change nothing at these values; manifests of earlier versions do not have them."""


class ManifestError(UserError):
    """MODEL_DIR belongs to another run."""


def make(
    run: Settings,
    *,
    command: str,
    gin_text: str,
    stream: StreamManifest | None = None,
    missing: Sequence[str] = (),
    hold_out: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The manifest of a run.

    Args:
      run: its settings.
      command: the command line.
      gin_text: the resolved configuration.
      stream: the training stream; None for a run that only evaluates.
      missing: datasets of the mixture that are not prepared.
      hold_out: the proof that held-out data are not tuned on; None if there is none.
    """
    return {
        'run': as_plain(run),
        'command': command,
        'gin': gin_text,
        'versions': versions(),
        'git_commit': git_commit(),
        'stream': as_plain(stream) | {'fingerprint': stream.fingerprint} if stream else None,
        'missing_datasets': list(missing),
        'hold_out': hold_out,
    }


def write(model_dir: epath.PathLike, manifest: Mapping[str, Any]) -> None:
    """Writes the manifest; raises ManifestError if MODEL_DIR has the manifest of a run with other weights.

    All processes check, process 0 writes.
    """
    if exists(model_dir) and (before := read(model_dir))['stream']:
        before = before | {'run': _moved_with(model_dir, before['run'])}
        _require_same(model_dir, _weights_depend_on(before), _weights_depend_on(as_plain(manifest)))
    if jax.process_index() == 0:
        write_whole(epath.Path(model_dir) / FILE, json.dumps(manifest, indent=2))


def check_same_run(model_dir: epath.PathLike, run: Settings) -> None:
    """Raises ManifestError if MODEL_DIR holds a model that was tuned with other settings than those of `run`.

    For example, if another cluster was held out, the evaluation would wrongly be reported as zero-shot.
    """
    if not exists(model_dir) or not (before := read(model_dir))['stream']:
        return
    tuned, now = _moved_with(model_dir, before['run']), as_plain(run)
    parts = [{**_trained_by(settings), 'data': _mixture_of(settings['data'])} for settings in (tuned, now)]
    _require_same(model_dir, *parts)


def check_goes_on(model_dir: epath.PathLike) -> None:
    """Raises ManifestError if the model in MODEL_DIR was tuned on a stream that another version packed."""
    if not exists(model_dir) or not (stream := read(model_dir)['stream']):
        return
    if stream['recipe'].get('storage', STORAGE) != STORAGE:
        raise ManifestError(
            f'{model_dir} holds a run of another version of flan_jax, which packs examples otherwise: finish it with '
            'that version, or choose another MODEL_DIR (with INITIAL_CHECKPOINT_PATH to go on from these weights)'
        )


def run_fingerprint(run: Settings, stream: StreamManifest, base: str | None = None) -> str:
    """A fingerprint, sixteen hexadecimal digits, of everything that the weights of a run depend on.

    Args:
      run: its settings.
      stream: the training stream.
      base: the fingerprint of the run that its initial checkpoint comes from, if any.
    """
    depends_on = _weights_depend_on({'run': as_plain(run), 'stream': as_plain(stream)})
    return fingerprint(depends_on | {'base': base})


def trained_by(run: Settings) -> dict[str, Any]:
    """The parts of a run's settings that its weights depend on, in JSON form."""
    return _trained_by(as_plain(run))


def exists(model_dir: epath.PathLike) -> bool:
    """Whether a run has started in the folder."""
    return (epath.Path(model_dir) / FILE).exists()


def read(model_dir: epath.PathLike) -> dict[str, Any]:
    """The manifest of a run; raises ManifestError if there is none."""
    path = epath.Path(model_dir) / FILE
    if not path.exists():
        raise ManifestError(f'no {FILE} in {model_dir}; `flan-jax train` or `flan-jax run` writes it')
    manifest = read_json(path, 'remove it, and give the command of the run again, which writes it anew')
    if 'run' not in manifest:
        raise ManifestError(f'{path} is of an earlier version of flan_jax; choose another MODEL_DIR')
    return manifest


def asked_otherwise(manifest: dict[str, Any], asked: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with `run`, `command` and `gin` of `asked`, if that has another evaluation; else unchanged."""
    same = manifest['run'].get('evaluation') == asked['run']['evaluation']
    return manifest if same else {**manifest, **asked}


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
    """The commit of the source tree, with '+changes' if it is not clean; None outside a repository."""
    root = pathlib.Path(flan_jax.__file__).parent
    if not (root.parent / '.git').exists():
        return None
    try:
        commit = subprocess.run(['git', 'rev-parse', 'HEAD'], cwd=root, capture_output=True, text=True, check=True)
        dirty = subprocess.run(['git', 'status', '--porcelain'], cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit.stdout.strip() + ('+changes' if dirty.stdout.strip() else '')


def _weights_depend_on(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return _trained_by(manifest['run']) | {'data': manifest['stream'] and manifest['stream']['recipe']}


def _trained_by(run: Mapping[str, Any]) -> dict[str, Any]:
    parts = {part: run[part] for part in TRAINED_BY if part in run}
    for setting in _MAY_CHANGE:
        parts = _without(parts, setting.split('.'))
    for setting, nothing in _NOTHING_AT.items():
        part, _, name = setting.partition('.')
        parts[part] = {key: value for key, value in parts[part].items() if (key, value) != (name, nothing)}
    return parts


def _without(settings: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """The settings without the one at this path."""
    first, *rest = path
    if rest and isinstance(settings.get(first), Mapping):
        return {**settings, first: _without(settings[first], rest)}
    return {name: value for name, value in settings.items() if rest or name != first}


def _moved_with(model_dir: epath.PathLike, run: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a run with the current location of its base model, see `flan_jax.training.moved_base`."""
    found = moved_of_run(model_dir)
    return {**run, 'initial_checkpoint': found['now']} if found and found['was'] == run['initial_checkpoint'] else run


def _mixture_of(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ('mixture', 'held_out')}


def _require_same(model_dir: epath.PathLike, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    if changed := list(_differences(before, now)):
        raise ManifestError(
            f'{model_dir} holds a run with another configuration:\n'
            + '\n'.join(f'  {line}' for line in changed)
            + '\nchoose another MODEL_DIR (with INITIAL_CHECKPOINT_PATH to go on from these weights), or set it back'
        )


def _differences(before: Any, now: Any, where: str = '') -> Iterator[str]:
    """One line per value that differs."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in {**before, **now}:
            yield from _differences(before.get(name), now.get(name), f'{where}.{name}' if where else name)
    elif before != now:
        yield f'{where}: {before} before, {now} now'
