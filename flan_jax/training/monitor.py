"""Watches a run's metrics: stops a run that diverges, and logs means, speed and progress."""

import collections
import time
from collections.abc import Mapping, Sequence

import numpy as np

from flan_jax.errors import UserError
from flan_jax.objectives.objective import LOSS
from flan_jax.packing.stream import PackedStream
from flan_jax.progress import Advance
from flan_jax.training.flops import peak_flops
from flan_jax.training.metrics_log import MetricsLog
from flan_jax.training.settings import Training
from flan_jax.training.step import StepMetrics


class TrainingError(UserError):
    """A run cannot continue: its loss is not finite, or a batch has nothing to learn."""


class Monitor:
    """Reads a step's metrics after the next step is dispatched, so that the device never waits for the host."""

    def __init__(
        self,
        training: Training,
        stream: PackedStream,
        log: MetricsLog,
        advance: Advance,
        step_flops: float,
        notes: Mapping[str, Sequence[float]],
    ):
        """Watches a run.

        Args:
          training: its settings.
          stream: what it learns from.
          log: where metrics are written.
          advance: advances the progress bar.
          step_flops: operations of a step.
          notes: `notes` of the monitor until the checkpoint that the run resumes from; empty for a new run.
        """
        self._training = training
        self._stream = stream
        self._learning_rates = training.learning_rates
        self._log = log
        self._advance = advance
        self._pending: tuple[int, StepMetrics] | None = None
        self._step_flops = step_flops
        self._peak = peak_flops()
        self._since: tuple[int | None, float] = (None, time.monotonic())
        self._window: dict[str, np.ndarray] = collections.defaultdict(lambda: np.zeros(2))
        self._window.update({name: np.array(sums, np.float64) for name, sums in notes.items()})

    @property
    def notes(self) -> dict[str, list[float]]:
        """Sum and count of every metric since the last line of the log; saved, so that resuming changes no line."""
        return {name: sums.tolist() for name, sums in self._window.items()}

    def after_dispatch(self, done: int, metrics: StepMetrics) -> None:
        """Takes the metrics of step `done`, which may still be running, and reads those of the step before."""
        self.catch_up()
        self._pending = (done, metrics)

    def catch_up(self) -> None:
        """Waits for the latest step and reads its metrics; raises TrainingError if they are not finite."""
        if self._pending is None:
            return
        done, metrics = self._pending
        self._pending = None
        sums = {name: np.asarray(metric, np.float64) for name, metric in metrics.objective.items()}
        gradient_norm = float(metrics.gradient_norm)
        self._check(done, sums[LOSS], gradient_norm)
        for name, of_step in sums.items():
            self._window[name] += of_step
        total, count = sums[LOSS]
        self._advance(1, f'{self._epoch_note(done)}loss {total / max(count, 1.0):.3f}')
        if done % self._training.log_every == 0 or done == self._training.steps:
            updates = {'gradient_norm': gradient_norm, 'learning_rate': float(self._learning_rates(done - 1))}
            self._log.write(done, self._means() | updates | self._speed(done) | self._epoch(done))

    def _check(self, done: int, loss: np.ndarray, gradient_norm: float) -> None:
        total, count = loss
        may_be_empty = self._stream.manifest.responses_per_sequence > 0  # all answers of a batch may be ties
        if (count > 0 or may_be_empty) and np.isfinite(total) and np.isfinite(gradient_norm):
            return
        last = done * self._training.batch_size
        first = last - self._training.batch_size
        sequences = self._stream.sequences(range(first, min(last, len(self._stream))))
        tasks = sorted({self._stream.manifest.tasks[task] for sequence in sequences for task in sequence.tasks})
        what = f'loss {total} and gradient norm {gradient_norm}' if count else 'nothing to learn'
        raise TrainingError(
            f'step {done}: {what}, in sequences {first} to {last - 1} of {self._stream.folder}, with examples of '
            f'{", ".join(tasks)}. Checkpoints written before this step are sound.'
        )

    def _epoch(self, done: int) -> dict[str, float]:
        """Epochs done so far; empty for a stream without epochs."""
        epochs = self._stream.manifest.num_epochs
        return {'epoch': epochs * done / self._training.num_steps} if epochs else {}

    def _epoch_note(self, done: int) -> str:
        epochs = self._stream.manifest.num_epochs
        return f'epoch {self._epoch(done)["epoch"]:.2f} of {epochs}  ' if epochs else ''

    def _means(self) -> dict[str, float]:
        """The mean of every metric since the last call, without metrics whose count is 0."""
        means = {name: total / count for name, (total, count) in self._window.items() if count}
        self._window.clear()
        return means

    def _speed(self, done: int) -> dict[str, float]:
        """Tokens per second since the last call; empty at the first call, whose interval includes compilation."""
        (last_done, last_time), self._since = self._since, (done, time.monotonic())
        if last_done is None:
            return {}
        steps_per_second = (done - last_done) / (self._since[1] - last_time)
        tokens = self._training.batch_size * self._stream.manifest.sequence_length
        speed = {'tokens_per_second': steps_per_second * tokens}
        if self._peak:
            speed['model_flops_utilisation'] = steps_per_second * self._step_flops / self._peak
        return speed
