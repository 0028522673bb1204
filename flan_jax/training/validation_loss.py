"""The training objective's loss on validation examples, measured during training."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from flan_jax.distributed.batches import shard_batch
from flan_jax.model.decoder import Params
from flan_jax.model.programs import shared_jit
from flan_jax.objectives.objective import LOSS, Metrics
from flan_jax.packing.stream import StreamManifest
from flan_jax.training.program import TrainingProgram
from flan_jax.training.step import Learning, TrainState, predictions
from flan_jax.training.validation import VALIDATION_LOSS, summed


class HeldOutLoss:
    """Measures the loss, without dropout, before the first step, every few steps, and after the last.

    Attributes:
      all_stopped: always False; see `flan_jax.training.validation.Validator`.
    """

    all_stopped = False

    def __init__(
        self,
        program: TrainingProgram,
        batches: Sequence[Mapping[str, np.ndarray]],
        manifest: StreamManifest,
        every: int,
        last: int,
    ):
        """Measures on batches of validation examples, see `flan_jax.packing.validation`.

        Args:
          program: the training program.
          batches: the examples; every process holds all of them.
          manifest: of the training stream; it names tasks and clusters.
          every: steps between validations.
          last: number of steps of the whole run.
        """
        self._every, self._last = every, last
        columns = program.learning.tuning.columns
        self._batches = [shard_batch(columns(batch, manifest.tasks), program.mesh) for batch in batches]
        measure = functools.partial(_loss_sums, program.learning, tuple(manifest.clusters))
        self._measure = shared_jit(measure, out_shardings=NamedSharding(program.mesh, PartitionSpec()))

    def is_due(self, done: int) -> bool:
        """Whether to validate after `done` updates."""
        return done % self._every == 0 or done == self._last

    def __call__(self, state: TrainState, frozen: Params) -> tuple[TrainState, dict[str, float]]:
        """The unchanged state, and the losses over all examples and by cluster, in nats per token."""
        totals = summed([self._measure(state.params, frozen, batch) for batch in self._batches])
        means = {name: total / count for name, (total, count) in totals.items() if count}
        return state, {VALIDATION_LOSS + name.removeprefix(LOSS): mean for name, mean in means.items()}


def _loss_sums(learning: Learning, clusters: Sequence[str], params: Params, frozen: Params, batch) -> Metrics:
    predicted = predictions(learning, learning.tuning.combine(frozen, params), batch)
    return learning.objective(predicted, batch, clusters)[1]
