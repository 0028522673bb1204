"""Validation of soft prompts during training: the loss of each on its task's examples, and early stopping."""

import collections
import functools
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from flan_jax.distributed.batches import shard_batch
from flan_jax.model.decoder import Params, label_log_probs
from flan_jax.model.programs import shared_jit
from flan_jax.objectives.objective import by_cluster
from flan_jax.progress import CONSOLE
from flan_jax.training.program import TrainingProgram
from flan_jax.training.step import Learning, TrainState
from flan_jax.training.validation import VALIDATION_LOSS, summed
from flan_jax.tuning.independent import after_validation
from flan_jax.tuning.task_prompts import PROMPTS, TaskPrompts, predicted_prompts


class PromptValidator:
    """Stops each soft prompt whose loss on validation examples no longer falls (early stopping).

    Attributes:
      all_stopped: whether every prompt had stopped at the last validation.
    """

    def __init__(self, program: TrainingProgram, batches: Sequence[Mapping[str, np.ndarray]], tasks: Sequence[str]):
        """Validates on batches of the tasks' validation examples, see `flan_jax.packing.validation`."""
        tuning = program.learning.tuning
        if not isinstance(tuning, TaskPrompts) or tuning.stopping is None:
            raise TypeError(f'{type(tuning).__name__} has no soft prompts that stop early')
        self._stopping = tuning.stopping
        self._names = tuning.prompt_names
        # Several prompts of one task take turns by sequence_ids: with all turns, every prompt reads every sequence.
        turns = range(max(collections.Counter(tuning.tasks).values()))
        turned = [{**batch, 'sequence_ids': batch['sequence_ids'] + turn} for batch in batches for turn in turns]
        self._batches = [shard_batch(tuning.columns(batch, tasks), program.mesh) for batch in turned]
        self._sums = shared_jit(functools.partial(_loss_sums, program.learning))
        shardings = jax.tree.map(lambda shape: shape.sharding, program.layout)
        self._stop = jax.jit(
            functools.partial(_after_validation, self._stopping.patience), donate_argnums=0, out_shardings=shardings
        )
        self.all_stopped = False

    def is_due(self, done: int) -> bool:
        """Whether to validate after `done` updates."""
        return done > 0 and done % self._stopping.every == 0

    def __call__(self, state: TrainState, frozen: Params) -> tuple[TrainState, dict[str, float]]:
        """The state with more prompts stopped, perhaps, and the losses of all prompts, in nats per token."""
        totals = summed([self._sums(state.params, frozen, batch) for batch in self._batches])
        losses = {name: total / count if count else np.nan for name, (total, count) in totals.items()}
        before = self._stopped(state)
        state = self._stop(state, {name: np.float32(losses[f'{VALIDATION_LOSS}/{name}']) for name in self._names})
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
    return by_cluster(
        VALIDATION_LOSS, -log_probs, batch['weights'], predicted_prompts(batch), learning.tuning.prompt_names
    )


def _after_validation(patience: int, state: TrainState, losses) -> TrainState:
    by_parameter = {PROMPTS + name: loss for name, loss in losses.items()}
    params, optimizer = after_validation(state.params, state.optimizer, by_parameter, patience)
    return TrainState(state.step, params, optimizer)
