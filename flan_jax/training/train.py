"""The training loop."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from flan_jax.distributed.batches import addressable_sequences, check_replicas, device_batch
from flan_jax.distributed.preemption import termination_noted
from flan_jax.model.decoder import Params
from flan_jax.packing.stream import PackedStream
from flan_jax.progress import bar
from flan_jax.training.flops import BatchSize, training_flops
from flan_jax.training.initial import BaseWeights, initial_state
from flan_jax.training.metrics_log import MetricsLog
from flan_jax.training.monitor import Monitor
from flan_jax.training.probe import NO_PROBE, Probe
from flan_jax.training.program import TrainingProgram
from flan_jax.training.run_checkpoints import Checkpoints
from flan_jax.training.settings import Training
from flan_jax.training.step import TrainState
from flan_jax.training.validation import Validator
from flan_jax.tuning.tuning import Encode, Tuning


@dataclasses.dataclass(frozen=True)
class Checkpointing:
    """Where training starts, and where it saves checkpoints.

    Attributes:
      model_dir: folder of checkpoints and metrics.
      base: loads the weights that training starts from.
      encode: text to token ids, for parameters that are initialised with embeddings of texts.
      metadata: the model, vocabulary and stream of the weights, written into every checkpoint.
    """

    model_dir: str
    base: BaseWeights
    encode: Encode
    metadata: Mapping[str, Any]

    def opened(self, keep: int) -> Checkpoints:
        """Opens the checkpoints, of which the newest `keep` are kept."""
        return Checkpoints(self.model_dir, keep, self.metadata)


def train(
    program: TrainingProgram,
    training: Training,
    stream: PackedStream,
    checkpointing: Checkpointing,
    last: int,
    validator: Validator | None = None,
    probe: Probe = NO_PROBE,
) -> None:
    """Trains until `last` updates are done, resuming from the newest checkpoint if there is one, and saves the result.

    Saved is step `last`, too, if `validator` stops all parameters earlier; the step reached if `probe` ends training.

    Raises:
      TrainingError: if the loss is not finite or a batch has nothing to learn; names step, sequences and tasks.
      Preempted: after SIGTERM or Ctrl-C, when the state is saved.
      StreamError, CheckpointError: before the first step.
    """
    with contextlib.ExitStack() as stack:
        should_stop = stack.enter_context(termination_noted(run_ahead=True))
        stack.enter_context(jax.set_mesh(program.mesh))
        saved = stack.enter_context(checkpointing.opened(training.keep_checkpoints))
        state, frozen = begin(program, checkpointing, saved, training.seed)
        start = int(state.step)
        log = stack.enter_context(MetricsLog(checkpointing.model_dir, start))
        measure = functools.partial(_measure, validator, probe, program.learning.tuning, frozen, log)
        state = measure(state, 0) if start == 0 else state
        last = start if probe.ends_tuning(start) else last
        first = 'compiling the step' if start < last else 'nothing is left to do'
        advance = stack.enter_context(bar('tuning', training.steps, start, first))
        monitor = Monitor(training, stream, log, advance, step_flops(program, training, stream), saved.notes)
        for done, batch in _batches(program, training, stream, start, last):
            state, metrics = program.step(state, frozen, batch)
            monitor.after_dispatch(done, metrics)
            state = measure(state, done)
            preempted, all_stopped = should_stop(), validator is not None and validator.all_stopped
            ends = all_stopped or probe.ends_tuning(done)
            if training.checkpoint_due(done - 1, done) or done == last or preempted or ends:
                monitor.catch_up()
                log.flush()
                saved.save(last if all_stopped else done, state, monitor.notes)
            if ends:
                return
            if preempted:
                raise should_stop.stopped(f'stopped after {done} of {training.steps} steps, and saved')


def _measure(
    validator: Validator | None,
    probe: Probe,
    tuning: Tuning,
    frozen: Params,
    log: MetricsLog,
    state: TrainState,
    done: int,
) -> TrainState:
    """Logs probe and validation, if due after `done` updates; returns the state to continue with.

    The weights at which the probe ends training are the last ones, so they are validated too.
    """
    if probe.is_due(done):
        log.write(done, probe(done, tuning.combine(frozen, state.params)))
    if validator is not None and (validator.is_due(done) or probe.ends_tuning(done)):
        state, losses = validator(state, frozen)
        log.write(done, losses)
    return state


def begin(
    program: TrainingProgram, checkpointing: Checkpointing, saved: Checkpoints, seed: int
) -> tuple[TrainState, Params]:
    """The state of the newest checkpoint, or the initial one, and the frozen weights.

    Raises:
      UserError: if checkpoints would not fit on the disk.
    """
    saved.require_space(program.layout)
    frozen = checkpointing.base(program.frozen) if program.frozen else {}
    state = saved.restore(program.layout)
    return state or initial_state(program, checkpointing.base, frozen, checkpointing.encode, seed), frozen


def _batches(
    program: TrainingProgram, training: Training, stream: PackedStream, start: int, last: int
) -> Iterator[tuple[int, dict[str, jax.Array]]]:
    """The batches of the steps from `start` to `last`, each with the number of updates done once it is learned."""
    indices = addressable_sequences(program.mesh, training.batch_size)
    for done, local in enumerate(stream.batches(start, last, training.batch_size, indices.tolist()), start=start + 1):
        columns = program.learning.tuning.columns(local, stream.manifest.tasks)
        batch = device_batch(columns, indices, program.mesh, training.batch_size)
        if done == start + 1:
            check_replicas(batch)
        yield done, batch


def step_flops(program: TrainingProgram, training: Training, stream: PackedStream) -> float:
    """Floating-point operations of a step."""
    batch = BatchSize(training.batch_size, stream.manifest.sequence_length, stream.manifest.max_targets)
    return training_flops(program.learning.config, program.learning.tuning, batch)
