"""The settings of training: how the weights move."""

import dataclasses
import math
from typing import Annotated, Literal

import optax

from flan_jax.settings import AtLeast, Between, Count, Positive, Settings, SettingsError
from flan_jax.training.optimizers.adafactor import Adafactor
from flan_jax.training.optimizers.optimizer import Optimizer
from flan_jax.training.schedules.constant import Constant
from flan_jax.training.schedules.schedule import Schedule

ComputeDtype = Literal['auto', 'float32', 'bfloat16']
ParamDtype = Literal['float32', 'bfloat16']
Remat = Literal['none', 'dots', 'full']


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidationLoss(Settings):
    """The loss on validation examples, which are not tuned on, noted while a model is tuned.

    Attributes:
      every: steps between validations; the weights before the first step and after the last are validated, too.
      examples: the first so many validation examples of each dataset, each in one template.
    """

    every: Count = 100
    examples: Count = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(Settings):
    """How the weights move.

    Attributes:
      steps: number of updates; None where they follow from `Stream.epochs`.
      batch_size: sequences in a step, over all processes and microbatches (FLAN: 8,192 tokens, four of 2,048).
      microbatches: parts into which a step is cut to save memory; the update is the same but for rounding.
      optimizer: how gradients become updates (FLAN: Adafactor).
      learning_rate: its peak (FLAN: 3e-5).
      schedule: how the learning rate goes on after the warm-up (FLAN: constant).
      warmup_steps: steps over which it rises from 0.
      warmup_share: the same as a share of all steps; one of the two.
      weight_decay: rate of decay per step, which AdamW multiplies by the learning rate; None for none.
      dtype: dtype of activations; 'auto' is float32 on CPU and bfloat16 elsewhere. On a CPU with AMX 'bfloat16' is
        faster, too.
      param_dtype: dtype in which weights are kept. 'bfloat16' halves their memory, rounding every update at random; the
        optimizer's state is float32 either way.
      remat: what the backward pass computes again, see `flan_jax.model.decoder.Execution`.
      residual_dropout: share of what the top layer adds to the residual stream that is left out while training, the
        rate falling in a line to 0 in the bottom layer (LIMA: 0.3, and 0.2 for its smaller models).
      seed: seed of fresh weights, where there is no initial checkpoint, and of what dropout leaves out.
      log_every: steps between written metrics.
      checkpoint_every: steps between checkpoints; the last step is always saved.
      checkpoints: so many checkpoints, equally far apart, in place of one every `checkpoint_every` steps; as many as
        `Stream.epochs` are one after each epoch.
      keep_checkpoints: how many of the newest are kept.
    """

    steps: Count | None = 30_000
    batch_size: Annotated[int, Between(1, 2**20)] = 4
    microbatches: Count = 1
    optimizer: Optimizer = Adafactor()
    learning_rate: Positive = 3e-5
    schedule: Schedule = Constant()
    warmup_steps: Annotated[int, AtLeast(0)] = 0
    warmup_share: Annotated[float, Between(0, 1)] = 0.0
    weight_decay: Annotated[float, AtLeast(0)] | None = None
    dtype: ComputeDtype = 'auto'
    param_dtype: ParamDtype = 'float32'
    remat: Remat = 'dots'
    residual_dropout: Annotated[float, Between(0, 0.9)] = 0.0
    seed: Annotated[int, AtLeast(0)] = 0
    log_every: Count = 10
    checkpoint_every: Count = 1000
    checkpoints: Count | None = None
    keep_checkpoints: Count = 2

    def check(self) -> None:
        if self.batch_size % self.microbatches:
            raise SettingsError(
                f'Training.batch_size={self.batch_size} cannot be cut into Training.microbatches={self.microbatches} '
                'equal parts'
            )
        if self.warmup_steps and self.warmup_share:
            raise SettingsError(
                f'Training.warmup_steps={self.warmup_steps} and Training.warmup_share={self.warmup_share} both say how '
                'long the learning rate rises; leave out one of the two'
            )

    def over(self, num_sequences: int) -> 'Training':
        """The same with as many steps as it takes to read so many sequences once, where no number is set."""
        steps = math.ceil(num_sequences / self.batch_size)
        return self if self.steps is not None else dataclasses.replace(self, steps=steps)

    def checkpoint_due(self, before: int, done: int) -> bool:
        """Whether a checkpoint is due after `done` updates, where the one before was thought of after `before`."""
        if self.checkpoints is None:
            return done // self.checkpoint_every > before // self.checkpoint_every
        return done * self.checkpoints // self.num_steps > before * self.checkpoints // self.num_steps

    @property
    def num_steps(self) -> int:
        """The updates of the whole run. Raises SettingsError where they are still the stream's to say, see `over`."""
        if self.steps is None:
            raise SettingsError('TRAIN_STEPS=None: the stream says how many there are; pack it first')
        return self.steps

    @property
    def learning_rates(self) -> optax.Schedule:
        """The learning rate by step."""
        return self.schedule.learning_rate(self.learning_rate, self.num_steps, self.warmup)

    @property
    def warmup(self) -> int:
        """Steps over which the learning rate rises from 0, see `num_steps`; a share leaves one step at least."""
        of_share = math.ceil(self.warmup_share * self.num_steps)
        return self.warmup_steps or min(of_share, self.num_steps - 1)
