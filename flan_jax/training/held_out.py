"""Rankings that are not trained on, rated while the model is trained: its objective's metrics as 'test/NAME'."""

import functools
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from flan_jax.distributed.batches import addressed, device_batch
from flan_jax.model.decoder import Params
from flan_jax.objectives.objective import Metrics
from flan_jax.objectives.responses import REFERENCE
from flan_jax.training.program import TrainingProgram
from flan_jax.training.reference import ReferenceModel
from flan_jax.training.settings import Training
from flan_jax.training.step import Learning, TrainState, predictions


class HeldOutRankings:
    """Rates batches of rankings by the objective whenever a checkpoint is saved.

    Attributes:
      all_stopped: never; see `flan_jax.training.validation.Validation`, which may stop what is trained.
    """

    all_stopped = False

    def __init__(
        self,
        program: TrainingProgram,
        training: Training,
        batches: Sequence[Mapping[str, np.ndarray]],
        clusters: Sequence[str],
        reference: ReferenceModel | None,
    ):
        """Rates `batches`, each whole on every process, with log-probabilities by `reference` where there is one."""
        self._training = training
        self._batches = [_placed(batch, program) for batch in batches]
        if reference is not None:
            with jax.set_mesh(reference.mesh):
                self._batches = [batch | {REFERENCE: reference.of_batch(batch)} for batch in self._batches]
        self._metrics = jax.jit(functools.partial(_metrics, program.learning, tuple(clusters)))

    def is_due(self, done: int) -> bool:
        """Whether a checkpoint is saved after so many updates."""
        return self._training.checkpoint_due(done - 1, done) or done == self._training.steps

    def __call__(self, state: TrainState, frozen: Params) -> tuple[TrainState, dict[str, float]]:
        """The state as it is, and the means of the objective's metrics over all batches."""
        found = [self._metrics(state.params, frozen, batch) for batch in self._batches]
        totals = jax.tree.map(lambda *of_batches: sum(np.asarray(value, float) for value in of_batches), *found)
        return state, {f'test/{name}': metric.total / metric.count for name, metric in totals.items() if metric.count}


def _placed(batch: Mapping[str, np.ndarray], program: TrainingProgram) -> dict[str, jax.Array]:
    size = len(batch['tokens'])
    indices = addressed(program.mesh, size)
    return device_batch({name: value[indices] for name, value in batch.items()}, indices, program.mesh, size)


def _metrics(learning: Learning, clusters: Sequence[str], params: Params, frozen: Params, batch) -> Metrics:
    whole = learning.tuning.combine(frozen, params)
    return learning.objective(predictions(learning, whole, batch), batch, clusters)[1]
