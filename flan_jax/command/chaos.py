"""flan-jax doctor --chaos N: kills a run of its own at random moments, and demands what a run that nobody killed gives.

The run is tiny, and has all stages of a real one. It is killed by SIGKILL while it packs, trains, writes a checkpoint,
evaluates and certifies, and started again each time; a chain of such kills ends with the run's own end. Then
parameters, optimizer state, losses, records and results must be those of a run left alone, bit for bit.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

import numpy as np

from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE, Advance, bar

SETTINGS = {
    'MIXTURE_OR_TASK_NAME': 'sentiment', 'HELD_OUT': None, 'EVAL_TASKS': ('copa', 'natural_questions'),
    'TRAIN_STEPS': 10, 'BATCH_SIZE': 4, 'Training.checkpoint_every': 2, 'EVAL_PERIOD': 5, 'Training.log_every': 3,
    'Training.microbatches': 2, 'SEQUENCE_LENGTH': 160, 'Stream.input_length': 120, 'Stream.target_length': 8,
    'Stream.targets_per_sequence': 40, 'lamda.d_model': 32, 'lamda.head_dim': 16, 'EVAL_LIMIT': 2,
    'Evaluation.templates': (0, 1),
}  # fmt: skip
"""The run: several epochs of bundled samples, gradient accumulation, an evaluation half way."""

_DATASETS = ('imdb_reviews', 'sentiment140', 'sst2', 'yelp_polarity_reviews', 'copa', 'natural_questions')

_POLL_SECONDS = 0.005

_WARM = 0.4
"""About what a stage takes once its programs are compiled, of the seconds that it took before."""

_OF_CLOCKS = ('tokens_per_second', 'model_flops_utilisation')
"""Figures of the log that are of the machine and its clock."""


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a run of the chaos works."""

    model_dir: pathlib.Path
    streams: pathlib.Path
    data: pathlib.Path

    @property
    def command(self) -> list[str]:
        given = SETTINGS | {'MODEL_DIR': self.model_dir, 'Stream.directory': self.streams, 'TFDS_DATA_DIR': self.data}
        bindings = [f'--gin.{name}={value}' for name, value in given.items()]
        return [sys.executable, '-m', 'flan_jax', 'run', '--gin_file=gin/runs/tiny.gin', *bindings]

    def stages(self) -> dict[str, Callable[[], Iterator[pathlib.Path]]]:
        """What a run writes in each of its stages, in their order; one has begun when such a path is new."""
        return {
            'packing': lambda: self.streams.glob('.*.unfinished'),
            'training': lambda: self.model_dir.glob('manifest.json'),
            'a checkpoint': lambda: self.model_dir.glob('checkpoints/*tmp*'),
            'evaluation': lambda: self.model_dir.glob('evaluation/*/*'),
            'the certificate': lambda: self.model_dir.glob('contamination.json'),
        }


def chaos(kills: int, seed: int) -> None:
    """Kills runs `kills` times, and prints how many of these were survived with the bound that follows.

    Raises:
      UserError: for no kills, or if a run fails, or its end differs from that of the run that was left alone.
    """
    from scipy.stats import binomtest

    if kills < 1:
        raise UserError(f'--chaos={kills}: must be at least 1')
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix='flan_jax_chaos_') as folder, bar('killing runs', kills) as advance:
        root = pathlib.Path(folder)
        _prepare(root / 'data')
        alone = _Place(root / 'alone', root / 'streams', root / 'data')
        spans = _left_alone(alone, root / 'log')
        expected, done = _outcome(alone.model_dir), 0
        while done < kills:
            place = _Place(root / f'run_{done}', root / f'streams_{done}', root / 'data')
            done += _chain(place, kills - done, spans, chance, advance)
            _require_equal(_outcome(place.model_dir), expected, place)
    low = 100 * binomtest(kills, kills).proportion_ci(0.95, 'exact').low
    CONSOLE.print(
        f'{kills} of {kills} kills survived: parameters, optimizer state, losses, records and results are equal bit '
        f'for bit; at 95 % confidence more than {low:.1f} % are (Clopper-Pearson)',
        soft_wrap=True,
    )


def _prepare(data: pathlib.Path) -> None:
    done = _start(['data', 'prepare', *_DATASETS, '--samples', f'--data_dir={data}'], data.parent / 'log').wait()
    if done:
        raise UserError(f'the samples could not be prepared:\n{_end_of(data.parent / "log")}')


def _start(arguments: list[str], log: pathlib.Path) -> subprocess.Popen:
    """A process in a group of its own, so that all of it can be killed; what was compiled once is compiled."""
    command = arguments if arguments[0] == sys.executable else [sys.executable, '-m', 'flan_jax', *arguments]
    kept = {'JAX_COMPILATION_CACHE_DIR': str(log.parent / 'xla'), 'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0'}
    with log.open('w') as output:
        return subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True, env=kept | os.environ)


def _left_alone(place: _Place, log: pathlib.Path) -> dict[str, float]:
    """Does a whole run; returns the seconds that each stage took, until the next one began."""
    began: dict[str, float] = {}
    run = _start(place.command, log)
    while run.poll() is None:
        for stage, written in place.stages().items():
            if stage not in began and any(written()):
                began[stage] = time.monotonic()
        time.sleep(_POLL_SECONDS)
    _require_success(run, log)
    times = [*began.values(), time.monotonic()]
    return {stage: max(end - start, 0.0) for stage, start, end in zip(began, times, times[1:])}


def _chain(place: _Place, most: int, spans: dict[str, float], chance: random.Random, advance: Advance) -> int:
    """Kills a run in some of its stages, starting it again each time, and lets it end; returns the number of kills."""
    log, killed = place.model_dir.with_suffix('.log'), 0
    chosen = chance.sample(sorted(spans), min(most, len(spans)))
    for stage in sorted(chosen, key=list(place.stages()).index):
        run, started = _start(place.command, log), time.time()
        if _has_begun(place, stage, run, started):
            time.sleep(chance.uniform(0, _WARM * spans[stage]))
        if run.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(run.pid, signal.SIGKILL)
            run.wait()
            killed += 1
            advance(1, stage)
        else:
            _require_success(run, log)
    run = _start(place.command, log)
    run.wait()
    _require_success(run, log)
    return killed


def _has_begun(place: _Place, stage: str, run: subprocess.Popen, started: float) -> bool:
    """Waits until a run writes what it writes in a stage; whether it did before its end."""
    while run.poll() is None:
        for path in place.stages()[stage]():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime >= started:
                    return True
        time.sleep(_POLL_SECONDS)
    return False


def _require_success(run: subprocess.Popen, log: pathlib.Path) -> None:
    if run.returncode:
        raise UserError(f'the run ended with status {run.returncode}:\n{_end_of(log)}')


def _end_of(log: pathlib.Path) -> str:
    return '\n'.join(log.read_text().splitlines()[-20:])


def _outcome(model_dir: pathlib.Path) -> dict[str, dict]:
    """All that a run leaves and that must be equal, by kind and name."""
    from flan_jax.training import checkpoints, metrics_log

    folder = checkpoints.latest_folder(model_dir)
    if folder is None:
        raise UserError(f'{model_dir}: the run ended without a checkpoint')
    arrays = {name: np.asarray(array).tobytes() for name, array in checkpoints.read_all(folder).items()}
    log = {
        line['step']: {name: value for name, value in line.items() if name not in _OF_CLOCKS}
        for line in metrics_log.read(model_dir)
    }
    records = {  # the folder of a dataset is named by the time of the checkpoint as well
        (path.parts[-3], path.parts[-2].rpartition('-')[0], path.name): path.read_bytes()
        for path in model_dir.glob('evaluation/*/*/*.jsonl')
    }
    results = json.loads((model_dir / 'report.json').read_text())['results']
    return {
        'checkpoint': {'step': folder.name},
        'parameters and optimizer state': arrays,
        'losses': log,
        'records': records,
        'results': dict(enumerate(results)),
    }


def _require_equal(found: dict[str, dict], expected: dict[str, dict], place: _Place) -> None:
    for kind, values in expected.items():
        names = [name for name in {**values, **found[kind]} if values.get(name) != found[kind].get(name)]
        if names:
            raise UserError(
                f'{kind} of the run that was killed ({place.model_dir.name}) are not those of the run left alone: '
                + ', '.join(map(str, names[:5]))
            )
