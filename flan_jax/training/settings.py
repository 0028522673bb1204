"""The settings of training."""

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
    """The loss on validation examples, which are not tuned on, logged during tuning.

    Attributes:
      every: steps between validations; also validated are the weights before the first step and after the last.
      examples: number of validation examples per dataset, from the first on, each in one template.
    """

    every: Count = 100
    examples: Count = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training(Settings):
    """How the weights are trained.

    Attributes:
      steps: number of updates; None if they follow from `Stream.epochs`.
      batch_size: sequences in a step, over all processes and microbatches (FLAN: 8,192 tokens, four of 2,048).
      microbatches: number of parts that a batch is cut into to save memory; updates differ by rounding only.
      optimizer: how gradients become updates (FLAN: Adafactor).
      learning_rate: the peak learning rate (FLAN: 3e-5).
      schedule: the learning rate after the warm-up (FLAN: constant).
      warmup_steps: steps over which the learning rate rises linearly from 0.
      warmup_share: the same as a share of all steps; set one of the two.
      weight_decay: rate of decay per step, which AdamW multiplies by the learning rate; None for none.
      dtype: dtype of activations; 'auto' is float32 on CPU and bfloat16 elsewhere. 'bfloat16' is also faster on a CPU
        with AMX.
      param_dtype: dtype of weights. 'bfloat16' halves their memory and rounds updates stochastically; the optimizer's
        state is always float32.
      remat: what the backward pass recomputes, see `flan_jax.model.decoder.Execution`.
      residual_dropout: rate of residual dropout in the top layer, which falls linearly to 0 in the bottom layer (LIMA:
        0.3, and 0.2 for its smaller models).
      seed: seed of dropout, and of the weights if there is no initial checkpoint.
      log_every: steps between lines of metrics.
      checkpoint_every: steps between checkpoints; the last step is always saved.
      checkpoints: number of checkpoints, at equal distances, in place of `checkpoint_every`; if equal to
        `Stream.epochs`, one is saved after each epoch.
      keep_checkpoints: number of newest checkpoints to keep.
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
        """These settings with the steps that it takes to read `num_sequences` once, unless `steps` is set."""
        steps = math.ceil(num_sequences / self.batch_size)
        return self if self.steps is not None else dataclasses.replace(self, steps=steps)

    def checkpoint_due(self, before: int, done: int) -> bool:
        """Whether a checkpoint is due after `done` updates, given that the last check was after `before` updates."""
        if self.checkpoints is None:
            return done // self.checkpoint_every > before // self.checkpoint_every
        return done * self.checkpoints // self.num_steps > before * self.checkpoints // self.num_steps

    @property
    def num_steps(self) -> int:
        """Number of updates of the run. Raises SettingsError if it follows from the stream, see `over`."""
        if self.steps is None:
            raise SettingsError('TRAIN_STEPS=None: the stream says how many there are; pack it first')
        return self.steps

    @property
    def learning_rates(self) -> optax.Schedule:
        """The learning rate by step."""
        return self.schedule.learning_rate(self.learning_rate, self.num_steps, self.warmup)

    @property
    def warmup(self) -> int:
        """Steps over which the learning rate rises from 0; a share leaves at least one step after them."""
        of_share = math.ceil(self.warmup_share * self.num_steps)
        return self.warmup_steps or min(of_share, self.num_steps - 1)
