"""Held-out rankings, rated during training: the objective's metrics on them, logged as 'test/NAME'."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from flan_jax.distributed.batches import shard_batch
from flan_jax.model.decoder import Params
from flan_jax.model.programs import shared_jit
from flan_jax.objectives.objective import Metrics
from flan_jax.objectives.ranking import Ranking
from flan_jax.objectives.responses import REFERENCE, SCORE
from flan_jax.packing.batch import PackedBatch
from flan_jax.packing.stream import StreamManifest
from flan_jax.training import rated
from flan_jax.training.program import TrainingProgram
from flan_jax.training.rated import Rated, RatedExample
from flan_jax.training.reference import ReferenceModel
from flan_jax.training.settings import Training
from flan_jax.training.step import Learning, TrainState, predictions
from flan_jax.training.validation import summed


@dataclasses.dataclass(frozen=True)
class HeldOut:
    """The rankings to rate, and when.

    Attributes:
      batches: the rankings; every process holds all of them.
      manifest: of the training stream; it names tasks and clusters.
      training: determines after which updates a checkpoint is saved.
      model_dir: the run's folder, where `flan_jax.training.rated` writes the ratings of all responses.
    """

    batches: Sequence[PackedBatch]
    manifest: StreamManifest
    training: Training
    model_dir: str


class HeldOutRankings:
    """Rates rankings by the objective whenever a checkpoint is saved.

    Attributes:
      all_stopped: always False; see `flan_jax.training.validation.Validator`.
    """

    all_stopped = False

    def __init__(self, program: TrainingProgram, held_out: HeldOut, reference: ReferenceModel | None):
        """Rates `held_out`; `reference` is the reference model, for objectives that need one."""
        self._held_out = held_out
        self._objective = _ranking(program.learning)
        self._batches = [shard_batch(batch.arrays, program.mesh) for batch in held_out.batches]
        if reference is not None:
            with jax.set_mesh(reference.mesh):
                self._batches = [batch | {REFERENCE: reference.of_batch(batch)} for batch in self._batches]
        rate = functools.partial(_rate, program.learning, tuple(held_out.manifest.clusters))
        self._rate = shared_jit(rate, out_shardings=NamedSharding(program.mesh, PartitionSpec()))

    def is_due(self, done: int) -> bool:
        """Whether a checkpoint is saved after `done` updates."""
        training = self._held_out.training
        return done > 0 and (training.checkpoint_due(done - 1, done) or done == training.num_steps)

    def __call__(self, state: TrainState, frozen: Params) -> tuple[TrainState, dict[str, float]]:
        """The unchanged state, and the means of the objective's metrics over all batches; writes the ratings."""
        found, ratings = zip(*(self._rate(state.params, frozen, batch) for batch in self._batches))
        if jax.process_index() == 0:
            examples = list(self._rated(map(np.asarray, ratings)))
            rated.write(self._held_out.model_dir, Rated(int(state.step), self._objective.of_probabilities, examples))
        return state, {f'test/{name}': total / count for name, (total, count) in summed(found).items() if count}

    def _rated(self, ratings: Iterator[np.ndarray]) -> Iterator[RatedExample]:
        for batch, ratings_BxR in zip(self._held_out.batches, ratings, strict=True):
            for examples, ratings_R in zip(batch.sequences, ratings_BxR):
                ends = np.cumsum([len(example.responses) for example in examples])
                for example, of_example in zip(examples, np.split(ratings_R[: ends[-1]], ends[:-1])):
                    source = self._held_out.manifest.tasks[example.task]
                    scores = [float(score) for score in example.annotations[SCORE]]
                    yield RatedExample(source, scores, of_example.tolist())


def _rate(
    learning: Learning, clusters: Sequence[str], params: Params, frozen: Params, batch
) -> tuple[Metrics, jax.Array]:
    """The objective's metrics, and the rating of each response, [B, R]."""
    predicted = predictions(learning, learning.tuning.combine(frozen, params), batch)
    objective = _ranking(learning)
    return objective(predicted, batch, clusters)[1], objective.ratings(predicted, batch)


def _ranking(learning: Learning) -> Ranking:
    assert isinstance(learning.objective, Ranking), 'ranked'
    return learning.objective
