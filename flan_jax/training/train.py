"""The training loop."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from flan_jax.distributed.batches import addressed, check_replicas, device_batch
from flan_jax.distributed.preemption import termination_noted
from flan_jax.model.decoder import Params
from flan_jax.packing.stream import PackedStream
from flan_jax.progress import bar
from flan_jax.training.answers import NOTHING, Answers
from flan_jax.training.checkpoints import Checkpoints
from flan_jax.training.flops import BatchSize, training_flops
from flan_jax.training.initial import BaseWeights, initial_state
from flan_jax.training.metrics_log import MetricsLog
from flan_jax.training.monitor import Monitor
from flan_jax.training.program import TrainingProgram
from flan_jax.training.settings import Training
from flan_jax.training.step import TrainState
from flan_jax.training.validation import Validates
from flan_jax.tuning.tuning import Encode, Tuning


@dataclasses.dataclass(frozen=True)
class Checkpointing:
    """Where training starts from, and where it leaves what it made.

    Attributes:
      model_dir: folder of checkpoints and metrics.
      base: the weights that training starts from.
      encode: text to ids, for parameters that begin as embeddings of texts.
      metadata: what the weights belong to, written into every checkpoint.
    """

    model_dir: str
    base: BaseWeights
    encode: Encode
    metadata: Mapping[str, Any]

    def opened(self, keep: int) -> Checkpoints:
        """The checkpoints, of which the newest `keep` are kept."""
        return Checkpoints(self.model_dir, keep, self.metadata)


def train(
    program: TrainingProgram,
    training: Training,
    stream: PackedStream,
    checkpointing: Checkpointing,
    last: int,
    validation: Validates | None = None,
    answers: Answers = NOTHING,
) -> None:
    """Trains until `last` updates are done, from the newest checkpoint where there is one, and leaves one there.

    Where `validation` has stopped all that is trained before, the checkpoint is what would be there then; where
    `answers` end tuning, that of the step at which they do.

    Raises TrainingError, naming step, sequences and tasks; Preempted after SIGTERM or Ctrl-C; StreamError and
    CheckpointError before work starts.
    """
    with contextlib.ExitStack() as stack:
        should_stop = stack.enter_context(termination_noted(run_ahead=True))
        stack.enter_context(jax.set_mesh(program.mesh))
        saved = stack.enter_context(checkpointing.opened(training.keep_checkpoints))
        state, frozen = begin(program, checkpointing, saved, training.seed)
        start = int(state.step)
        log = stack.enter_context(MetricsLog(checkpointing.model_dir, start))
        look = functools.partial(_look, validation, answers, program.learning.tuning, frozen, log)
        if start == 0:
            state = look(state, 0)
        last = start if answers.ends_tuning(start) else last
        first = 'compiling the step' if start < last else 'nothing is left to do'
        advance = stack.enter_context(bar('tuning', training.steps, start, first))
        monitor = Monitor(training, stream, log, advance, step_flops(program, training, stream), saved.notes)
        for done, batch in _batches(program, training, stream, start, last):
            state, metrics = program.step(state, frozen, batch)
            monitor.after_dispatch(done, metrics)
            state = look(state, done)
            stops, learned = should_stop(), validation is not None and validation.all_stopped
            ends = learned or answers.ends_tuning(done)
            if training.checkpoint_due(done - 1, done) or done == last or stops or ends:
                monitor.catch_up()
                log.flush()
                saved.save(last if learned else done, state, monitor.notes)
            if ends:
                return
            if stops:
                raise should_stop.stopped(f'stopped after {done} of {training.steps} steps, and saved')


def _look(
    validation: Validates | None,
    answers: Answers,
    tuning: Tuning,
    frozen: Params,
    log: MetricsLog,
    state: TrainState,
    done: int,
) -> TrainState:
    """Notes what the model answers and the validation, where they are due after so many updates; the state to go on.

    The weights at which the answers end tuning are the last, and validated as such.
    """
    if answers.is_due(done):
        log.write(done, answers(done, tuning.combine(frozen, state.params)))
    if validation is not None and (validation.is_due(done) or answers.ends_tuning(done)):
        state, losses = validation(state, frozen)
        log.write(done, losses)
    return state


def begin(
    program: TrainingProgram, checkpointing: Checkpointing, saved: Checkpoints, seed: int
) -> tuple[TrainState, Params]:
    """The state of the newest checkpoint, or a fresh one, and the weights that are not trained.

    Raises UserError where checkpoints would not fit on the disk.
    """
    saved.require_space(program.layout)
    frozen = checkpointing.base(program.frozen) if program.frozen else {}
    state = saved.restore(program.layout)
    return state or initial_state(program, checkpointing.base, frozen, checkpointing.encode, seed), frozen


def _batches(
    program: TrainingProgram, training: Training, stream: PackedStream, start: int, last: int
) -> Iterator[tuple[int, dict[str, jax.Array]]]:
    """The batches of the steps after `start`, each with the number of updates done after it."""
    indices = addressed(program.mesh, training.batch_size)
    for done, local in enumerate(stream.batches(start, last, training.batch_size, indices.tolist()), start=start + 1):
        columns = program.learning.tuning.columns(local, stream.manifest.tasks)
        batch = device_batch(columns, indices, program.mesh, training.batch_size)
        if done == start + 1:
            check_replicas(batch)
        yield done, batch


def step_flops(program: TrainingProgram, training: Training, stream: PackedStream) -> float:
    """Operations that a step needs."""
    batch = BatchSize(training.batch_size, stream.manifest.sequence_length, stream.manifest.max_targets)
    return training_flops(program.learning.config, program.learning.tuning, batch)
