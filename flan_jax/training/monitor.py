"""What a run's metrics say: whether it may go on, how fast it is, what it has learned."""

import time

import numpy as np

from flan_jax.errors import UserError
from flan_jax.packing.stream import PackedStream
from flan_jax.progress import Advance
from flan_jax.run import Run
from flan_jax.training import flops
from flan_jax.training.metrics_log import MetricsLog
from flan_jax.training.step import StepMetrics


class TrainingError(UserError):
    """A run cannot go on: its loss is not finite, or a batch has nothing to learn."""


class Monitor:
    """Reads a step's metrics after the next step is dispatched, so that the device never waits for the host."""

    def __init__(self, experiment: Run, stream: PackedStream, log: MetricsLog, advance: Advance):
        """Watches a run, writing to `log` and advancing its bar."""
        self._training = experiment.training
        self._stream = stream
        self._log = log
        self._advance = advance
        self._pending: tuple[int, StepMetrics] | None = None
        self._flops_per_token = flops.flops_per_token(experiment.model, stream.manifest.sequence_length)
        self._peak = flops.peak_flops()
        self._since: tuple[int | None, float] = (None, time.monotonic())
        self._window = np.zeros((2, len(stream.manifest.clusters)))

    def after_dispatch(self, done: int, metrics: StepMetrics) -> None:
        """Notes that step number `done` is on its way, and reads the one before."""
        self.catch_up()
        self._pending = (done, metrics)

    def catch_up(self) -> None:
        """Reads the step that is on its way, waiting for it; raises TrainingError if it went wrong."""
        if self._pending is None:
            return
        done, metrics = self._pending
        self._pending = None
        by_cluster = np.asarray(metrics.by_cluster, np.float64)
        gradient_norm = float(metrics.gradient_norm)
        self._check(done, by_cluster, gradient_norm)
        self._window += by_cluster
        self._advance(1, f'loss {by_cluster[0].sum() / by_cluster[1].sum():.3f}')
        if done % self._training.log_every == 0 or done == self._training.steps:
            self._log.write(done, self._losses() | {'gradient_norm': gradient_norm} | self._speed(done))

    def _check(self, done: int, by_cluster: np.ndarray, gradient_norm: float) -> None:
        losses, tokens = by_cluster.sum(axis=1)
        if tokens > 0 and np.isfinite(losses) and np.isfinite(gradient_norm):
            return
        last = done * self._training.batch_size
        first = last - self._training.batch_size
        rows = self._stream.rows(first, last)
        tasks = sorted({self._stream.manifest.tasks[task] for row in rows for task in row.tasks})
        what = f'loss {losses} and gradient norm {gradient_norm}' if tokens else 'no target token'
        raise TrainingError(
            f'step {done}: {what}, in rows {first} to {last - 1} of {self._stream.folder}, with examples of '
            f'{", ".join(tasks)}. Checkpoints written before this step are sound.'
        )

    def _losses(self) -> dict[str, float]:
        """Mean loss since the last call, in nats per target token, over all and by cluster."""
        losses, tokens = self._window
        by_cluster = zip(self._stream.manifest.clusters, losses, tokens)
        scalars = {f'loss/{name}': loss / count for name, loss, count in by_cluster if count}
        scalars['loss'] = losses.sum() / tokens.sum()
        self._window = np.zeros_like(self._window)
        return scalars

    def _speed(self, done: int) -> dict[str, float]:
        """Tokens per second since the last call; nothing for the first, whose interval holds the compilation."""
        (last_done, last_time), self._since = self._since, (done, time.monotonic())
        if last_done is None:
            return {}
        tokens = (done - last_done) * self._training.batch_size * self._stream.manifest.sequence_length
        per_second = tokens / (self._since[1] - last_time)
        speed = {'tokens_per_second': per_second}
        if self._peak:
            speed['model_flops_utilisation'] = per_second * self._flops_per_token / self._peak
        return speed
