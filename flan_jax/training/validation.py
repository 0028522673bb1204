"""Validation while training: the loss of every prompt on its own examples, and which prompts are learned enough."""

import collections
import functools
from collections.abc import Mapping, Sequence
from typing import Protocol

import jax
import numpy as np

from flan_jax.distributed.batches import addressed, device_batch
from flan_jax.model.decoder import Params, label_log_probs
from flan_jax.model.programs import shared_jit
from flan_jax.objectives.objective import by_cluster
from flan_jax.progress import CONSOLE
from flan_jax.training.program import TrainingProgram
from flan_jax.training.step import Learning, TrainState
from flan_jax.tuning.independent import after_validation
from flan_jax.tuning.task_prompts import PROMPTS, TaskPrompts, predicted_prompts

LOSS = 'validation_loss'
"""Name of the metric; that of a prompt is 'validation_loss/NAME'."""


class Validates(Protocol):
    """Looks at the model while it is trained.

    Attributes:
      all_stopped: whether nothing is left to be trained.
    """

    all_stopped: bool

    def is_due(self, done: int) -> bool:
        """Whether it is time after so many updates."""

    def __call__(self, state: TrainState, frozen: Params) -> tuple[TrainState, dict[str, float]]:
        """The state to go on with, and what the log notes."""


class Validation:
    """Stops the prompts whose loss on validation examples does not fall any more.

    Attributes:
      all_stopped: whether every prompt has stopped, as far as known.
    """

    def __init__(self, program: TrainingProgram, batches: Sequence[Mapping[str, np.ndarray]], tasks: Sequence[str]):
        """Validates on batches of the tasks' validation examples, see `flan_jax.packing.validation`."""
        tuning = program.learning.tuning
        if not isinstance(tuning, TaskPrompts) or tuning.stopping is None:
            raise TypeError(f'{type(tuning).__name__} does not say what stops its parts')
        self._stopping = tuning.stopping
        self._names = tuning.prompt_names
        size = len(batches[0]['tokens'])
        indices = addressed(program.mesh, size)
        mine = [{name: value[indices] for name, value in batch.items()} for batch in batches]
        # A task's prompts take turns at sequences, so that each turn is needed for every prompt to read all of them.
        turns = range(max(collections.Counter(tuning.tasks).values()))
        turned = [batch | {'sequence_ids': batch['sequence_ids'] + turn} for batch in mine for turn in turns]
        self._batches = [device_batch(tuning.columns(batch, tasks), indices, program.mesh, size) for batch in turned]
        self._sums = shared_jit(functools.partial(_loss_sums, program.learning))
        shardings = jax.tree.map(lambda shape: shape.sharding, program.layout)
        self._stop = jax.jit(
            functools.partial(_after_validation, self._stopping.patience), donate_argnums=0, out_shardings=shardings
        )
        self.all_stopped = False

    def is_due(self, done: int) -> bool:
        """Whether it is time after so many updates."""
        return done > 0 and done % self._stopping.every == 0

    def __call__(self, state: TrainState, frozen: Params) -> tuple[TrainState, dict[str, float]]:
        """The state in which prompts have stopped that are learned enough, and the losses, in nats per token."""
        sums = [self._sums(state.params, frozen, batch) for batch in self._batches]
        totals = jax.tree.map(lambda *of_batches: sum(np.asarray(value, float) for value in of_batches), *sums)
        losses = {name: metric.total / metric.count if metric.count else np.nan for name, metric in totals.items()}
        before = self._stopped(state)
        state = self._stop(state, {name: np.float32(losses[f'{LOSS}/{name}']) for name in self._names})
        now = self._stopped(state)
        for name in now - before:
            CONSOLE.print(f'the prompt of {name} is learned: it stays as it was at its lowest validation loss')
        self.all_stopped = len(now) == len(self._names)
        return state, {name: float(loss) for name, loss in losses.items() if np.isfinite(loss)}

    def _stopped(self, state: TrainState) -> set[str]:
        return {name for name in self._names if bool(state.optimizer[PROMPTS + name].stopped)}


def _loss_sums(learning: Learning, params: Params, frozen: Params, batch):
    whole = learning.tuning.combine(frozen, params)
    log_probs = label_log_probs(learning.config, whole, batch, learning.execution)
    return by_cluster(LOSS, -log_probs, batch['weights'], predicted_prompts(batch), learning.tuning.prompt_names)


def _after_validation(patience: int, state: TrainState, losses) -> TrainState:
    of_parameters = {PROMPTS + name: loss for name, loss in losses.items()}
    params, optimizer = after_validation(state.params, state.optimizer, of_parameters, patience)
    return TrainState(state.step, params, optimizer)
