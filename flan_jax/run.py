"""A run: one tuned model and its evaluation, with the settings of every room."""

import dataclasses

from flan_jax.data.settings import Data
from flan_jax.distributed.mesh import Parallelism
from flan_jax.evaluation.settings import Evaluation
from flan_jax.model.config import DecoderConfig
from flan_jax.packing.settings import Stream
from flan_jax.settings import SettingsError
from flan_jax.training.settings import Training
from flan_jax.tuning.lora import Lora


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One tuned model and its evaluation.

    Attributes:
      model_dir: folder of everything the experiment writes.
      data: which examples there are.
      stream: how they are packed.
      model: the decoder.
      training: how the weights move.
      lora: whether an adapter is tuned instead of all weights.
      parallelism: how devices share the work.
      evaluation: what is asked.
      initial_checkpoint: folder of a checkpoint to start from; None for fresh weights.
    """

    model_dir: str
    data: Data
    stream: Stream
    model: DecoderConfig
    training: Training = Training()
    lora: Lora = Lora()
    parallelism: Parallelism = Parallelism()
    evaluation: Evaluation = Evaluation()
    initial_checkpoint: str | None = None

    def __post_init__(self):
        if self.lora.rank is not None and self.initial_checkpoint is None:
            raise SettingsError(
                f'LORA_RANK={self.lora.rank} tunes an adapter to a model that is trained: set INITIAL_CHECKPOINT_PATH to it'
            )

    @property
    def num_sequences(self) -> int:
        """Rows that training reads."""
        return self.training.steps * self.training.batch_size
