"""The metrics of a run: JSON lines for reports, and TensorBoard events."""

import contextlib
import json
import time
import types
from collections.abc import Mapping

import jax
from etils import epath

from flan_jax.files import DamagedFile, write_whole
from flan_jax.stand_ins import standing_in

FILE = 'metrics.jsonl'

FLUSH_SECONDS = 15.0
"""Longest time in seconds until metrics reach the disk, for those who watch a run."""


class MetricsLog(contextlib.AbstractContextManager):
    """Writes scalars by step to MODEL_DIR/metrics.jsonl and, through clu, to MODEL_DIR/tensorboard.

    Only process 0 writes.
    """

    def __init__(self, model_dir: str, first_step: int):
        """Opens the log of a run that continues after `first_step` updates, without the lines of later steps.

        At `first_step` 0, all lines are dropped, that of step 0 too: the run writes it again.
        """
        self._writes = jax.process_index() == 0
        self._path = epath.Path(model_dir) / FILE
        self._lines = [line for line in read(model_dir) if first_step > 0 and line['step'] <= first_step]
        if self._writes:
            self._tensorboard = event_writer(model_dir)
            self._flushed = time.monotonic()

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Logs the scalars of a step."""
        if self._writes:
            self._lines.append({'step': step} | {name: float(value) for name, value in scalars.items()})
            self._tensorboard.write_scalars(step, scalars)
            if time.monotonic() - self._flushed > FLUSH_SECONDS:
                self.flush()

    def flush(self) -> None:
        """Writes everything to disk."""
        if self._writes:
            write_whole(self._path, ''.join(json.dumps(line) + '\n' for line in self._lines))
            self._tensorboard.flush()
            self._flushed = time.monotonic()

    def __exit__(self, *exception) -> None:
        self.flush()


def event_writer(model_dir: epath.PathLike):
    """A writer of TensorBoard events into MODEL_DIR/tensorboard."""
    with _without_keras():
        from clu.metric_writers import SummaryWriter  # imports TensorFlow, which nothing else here needs

    return SummaryWriter(str(epath.Path(model_dir) / 'tensorboard'))


def _without_keras() -> contextlib.AbstractContextManager[None]:
    """Skips TensorBoard's Keras callback, which clu imports but never uses: importing Keras takes seconds."""
    name = 'tensorboard.plugins.hparams._keras'
    instead = types.ModuleType(name)
    instead.__dict__['Callback'] = None
    return standing_in({name: instead})


def read(model_dir: epath.PathLike) -> list[dict[str, float]]:
    """The scalars of a run, a dictionary with 'step' per line, in order; empty if there are none."""
    path = epath.Path(model_dir) / FILE
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [_parsed(line, f'{path}, line {number}') for number, line in enumerate(lines, start=1)]


def _parsed(line: bytes, where: str) -> dict[str, float]:
    try:
        scalars = json.loads(line)
    except ValueError as error:
        scalars = error
    if not isinstance(scalars, dict) or not isinstance(scalars.get('step'), int):
        raise DamagedFile(
            f'{where} is damaged: no JSON object with "step"; remove the line, or the file: the run goes on without '
            'the figures noted there, its weights do not depend on them'
        )
    return scalars
