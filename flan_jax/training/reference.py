"""Log-probabilities of every response under the reference model, which is the one that training starts from.

They are computed once, as a column of the stream: no second model is in memory during training, and resumed or repeated
runs with the same weights and stream read the same numbers.

Shape letters: B sequences of a batch, N sequences of the stream, R responses.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from flan_jax.distributed import processes
from flan_jax.distributed.batches import addressable_sequences, device_batch
from flan_jax.model.config import DecoderConfig
from flan_jax.model.decoder import Execution, Params, label_log_probs
from flan_jax.model.programs import shared_jit
from flan_jax.model.value_head import VALUE_HEAD
from flan_jax.objectives.objective import Batch
from flan_jax.objectives.responses import REFERENCE, sums
from flan_jax.packing.column_parts import ColumnParts
from flan_jax.packing.columns import column_file, read_column, require_space_for_column
from flan_jax.packing.stream import PackedStream, StreamError, lay_out_batch
from flan_jax.progress import bar
from flan_jax.settings import fingerprint
from flan_jax.training.digests import digests
from flan_jax.training.initial import BaseWeights
from flan_jax.training.program import TrainingProgram

BATCHES_PER_PART = 64
"""Number of batches whose results are written to disk together."""


@dataclasses.dataclass(frozen=True)
class ReferenceModel:
    """The reference model.

    Attributes:
      config: the decoder.
      params: its weights.
      execution: how it is computed; the dtype of activations is part of its fingerprint.
      mesh: the devices that hold it.
    """

    config: DecoderConfig
    params: Params
    execution: Execution
    mesh: Mesh

    @functools.cached_property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits for everything that its log-probabilities depend on, except for rounding."""
        weights = digests(self.params)
        return fingerprint({'model': self.config, 'dtype': self.execution.dtype, 'weights': weights})

    def log_probs(self, stream: PackedStream, indices: range, batch_size: int) -> np.ndarray:
        """The weighted sum of the log-probabilities of each response's tokens, float32 [N, R]; 0 for padding.

        All processes must call it together; each reads the sequences of its devices, and gets all N results.

        Args:
          stream: of N sequences or more.
          indices: of the N sequences.
          batch_size: B.
        """
        found: list[jax.Array | np.ndarray] = []
        with jax.set_mesh(self.mesh):
            for batch in self._batches(stream, indices, batch_size):
                found.append(self.of_batch(batch))
                if len(found) > 1:  # fetches the previous result, so that the device never waits for the host
                    found[-2] = np.asarray(found[-2])
        return np.concatenate([np.asarray(part) for part in found])[: len(indices)]

    def of_batch(self, batch: Batch) -> jax.Array:
        """The same for a single batch, float32 [B, R], replicated on all devices."""
        return self._of_batch(self.params, batch)

    @functools.cached_property
    def _of_batch(self):
        of_batch = functools.partial(_sums, self.config, self.execution)
        return shared_jit(of_batch, out_shardings=NamedSharding(self.mesh, PartitionSpec()))

    def _batches(self, stream: PackedStream, indices: range, batch_size: int) -> Iterator[dict[str, jax.Array]]:
        """Sequences in order; the last batch is filled up with copies of the last sequence."""
        local_indices = addressable_sequences(self.mesh, batch_size)
        for start in range(indices.start, indices.stop, batch_size):
            read = np.minimum(start + local_indices, indices.stop - 1).tolist()
            local = lay_out_batch(stream.manifest, stream.sequences(read), read)
            yield device_batch(local, local_indices, self.mesh, batch_size)


def _sums(config: DecoderConfig, execution: Execution, params: Params, batch: Batch) -> jax.Array:
    return sums(label_log_probs(config, params, batch, execution), batch)


def reference_of(program: TrainingProgram, base: BaseWeights) -> ReferenceModel:
    """The model that a run starts from, without adapter, soft prompt or value head."""
    learning = program.learning
    layout = {name: shape for name, shape in (program.frozen or program.trained).items() if name != VALUE_HEAD}
    return ReferenceModel(learning.config, base(layout), learning.execution, program.mesh)


def with_reference(stream: PackedStream, model: ReferenceModel, batch_size: int) -> PackedStream:
    """The stream with a model's log-probabilities as annotation `reference`, computed unless they are on disk.

    They are computed and written in parts, so that a pass that was killed resumes.

    Raises:
      StreamError: if the stream has one response per prompt, or the files next to it belong to another stream or model.
      UserError: if nothing can be written there.
    """
    if not stream.manifest.responses_per_sequence:
        raise StreamError(f'{stream.folder} keeps nothing of each response; pack it for an objective that ranks them')
    file = column_file(stream, REFERENCE, model.fingerprint)
    if not processes.broadcast_from_first(file.exists()):
        processes.first_does(REFERENCE, lambda: require_space_for_column(stream))
        parts = ColumnParts(stream, REFERENCE, model.fingerprint, BATCHES_PER_PART * batch_size)
        with bar('reference log-probabilities', len(stream)) as advance:
            for indices in parts.ranges:
                if not processes.broadcast_from_first(parts.has(indices)):
                    values = model.log_probs(stream, indices, batch_size)
                    _first(functools.partial(parts.write, indices, values))
                advance(len(indices))
        _first(parts.join)
    return stream.with_columns({REFERENCE: read_column(stream, REFERENCE, model.fingerprint)})


def _first(action: Callable[[], None]) -> None:
    """Runs `action` on process 0; the others wait, and raise if it failed."""
    processes.first_does(REFERENCE, lambda: action() if jax.process_index() == 0 else None)
