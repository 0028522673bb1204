"""The training objective's loss on validation examples, which are not tuned on, while a model is tuned."""

import functools
from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from flan_jax.distributed.batches import addressed, device_batch
from flan_jax.model.decoder import Params
from flan_jax.model.programs import shared_jit
from flan_jax.objectives.objective import LOSS, Metrics
from flan_jax.packing.stream import StreamManifest
from flan_jax.training.program import TrainingProgram
from flan_jax.training.step import Learning, TrainState, predictions
from flan_jax.training.validation import LOSS as VALIDATION_LOSS


class HeldOutLoss:
    """Measures the loss every few steps, before the first and after the last; nothing is left out by dropout.

    Attributes:
      all_stopped: never; see `flan_jax.training.validation.Validation`, which may stop what is trained.
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
          program: what trains.
          batches: the examples, each whole on every process.
          manifest: of the stream that is trained on; it names tasks and clusters.
          every: steps between validations.
          last: the steps of the whole run.
        """
        self._every, self._last = every, last
        size = len(batches[0]['tokens'])
        indices, columns = addressed(program.mesh, size), program.learning.tuning.columns
        mine = [{name: value[indices] for name, value in batch.items()} for batch in batches]
        self._batches = [device_batch(columns(batch, manifest.tasks), indices, program.mesh, size) for batch in mine]
        measure = functools.partial(_loss_sums, program.learning, tuple(manifest.clusters))
        self._measure = shared_jit(measure, out_shardings=NamedSharding(program.mesh, PartitionSpec()))

    def is_due(self, done: int) -> bool:
        """Whether it is time after so many updates."""
        return done % self._every == 0 or done == self._last

    def __call__(self, state: TrainState, frozen: Params) -> tuple[TrainState, dict[str, float]]:
        """The state as it is, and the losses over all and of each cluster, in nats per token."""
        found = [self._measure(state.params, frozen, batch) for batch in self._batches]
        totals = jax.tree.map(lambda *of_batches: sum(np.asarray(value, float) for value in of_batches), *found)
        means = {name: metric.total / metric.count for name, metric in totals.items() if metric.count}
        return state, {VALIDATION_LOSS + name.removeprefix(LOSS): mean for name, mean in means.items()}


def _loss_sums(learning: Learning, clusters: Sequence[str], params: Params, frozen: Params, batch) -> Metrics:
    seen = predictions(learning, learning.tuning.combine(frozen, params), batch)
    return learning.objective(seen, batch, clusters)[1]
