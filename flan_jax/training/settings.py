"""The settings of training: how the weights move."""

import dataclasses
from typing import Annotated, Literal

from flan_jax.settings import AtLeast, Count, Positive, Settings, SettingsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(Settings):
    """How the weights move.

    Attributes:
      steps: number of updates.
      batch_size: sequences in a step, over all processes and microbatches (FLAN: 8,192 tokens, four of 2,048).
      microbatches: parts into which a step is cut to save memory; the update is the same but for rounding.
      learning_rate: Adafactor's, constant after the warm-up (FLAN: 3e-5).
      warmup_steps: steps over which it rises from 0.
      multiply_by_parameter_scale: whether Adafactor's updates are relative to each parameter's size.
      weight_decay: rate of decay per step; None for none.
      dtype: dtype of activations; 'auto' is float32 on CPU and bfloat16 elsewhere.
      param_dtype: dtype in which weights are kept. 'bfloat16' halves their memory, rounding every update at random; the
        optimizer's state is float32 either way.
      remat: what the backward pass computes again, see `flan_jax.model.decoder.Execution`.
      seed: seed of fresh weights, where there is no initial checkpoint.
      log_every: steps between written metrics.
      checkpoint_every: steps between checkpoints; the last step is always saved.
      keep_checkpoints: how many of the newest are kept.
    """

    steps: Count = 30_000
    batch_size: Count = 4
    microbatches: Count = 1
    learning_rate: Positive = 3e-5
    warmup_steps: Annotated[int, AtLeast(0)] = 0
    multiply_by_parameter_scale: bool = True
    weight_decay: Annotated[float, AtLeast(0)] | None = None
    dtype: Literal['auto', 'float32', 'bfloat16'] = 'auto'
    param_dtype: Literal['float32', 'bfloat16'] = 'float32'
    remat: Literal['none', 'dots', 'full'] = 'dots'
    seed: Annotated[int, AtLeast(0)] = 0
    log_every: Count = 10
    checkpoint_every: Count = 1000
    keep_checkpoints: Count = 2

    def check(self) -> None:
        if self.batch_size % self.microbatches:
            raise SettingsError(
                f'Training.batch_size={self.batch_size} cannot be cut into Training.microbatches={self.microbatches} '
                'equal parts'
            )
