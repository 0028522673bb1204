"""The settings of an experiment: plain frozen dataclasses that gin files fill in.

Every stage reads its own part, and all of it is written to MODEL_DIR/manifest.json.
"""

import dataclasses
import typing
from typing import Literal

from flan_jax.errors import UserError
from flan_jax.model.config import DecoderConfig

Instructions = Literal['templates', 'none', 'dataset_name']
"""How inputs are worded: as instructions, not at all, or by naming task and dataset (FLAN, section 4.3)."""

MAX_SHOTS = 16
"""Exemplars in a prompt at most (FLAN, section 4.4)."""


class SettingsError(UserError):
    """A setting, or a combination of settings, cannot work."""


def _check_choices(settings) -> None:
    """Raises SettingsError where a setting of few choices has another value."""
    for name, hint in typing.get_type_hints(type(settings)).items():
        value, choices = getattr(settings, name), typing.get_args(hint)
        if typing.get_origin(hint) is Literal and value not in choices:
            raise SettingsError(f'{type(settings).__name__}.{name}={value!r}: choose one of {", ".join(choices)}')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """Which examples there are.

    Attributes:
      tfds_data_dir: directory of prepared TFDS datasets.
      mixture: 'flan' for the whole catalogue; the name of a cluster or a dataset, or several joined by '+'; or the name
        of a SeqIO mixture or task; or running text, 'text:FILES' or 'tfds:NAME:FIELD'.
      held_out: cluster left out of tuning, with its cross-exclusions, and evaluated; None for none.
      allow_missing: go on without the datasets that are not prepared.
      vocabulary: path of a SentencePiece model, a tokenizer.json or a folder with either; None for the bundled one.
      modules: modules to import that add datasets of your own to the catalogue.
      instructions: how inputs are worded.
      templates_per_dataset: the first so many templates of each dataset are used; None for all.
      shots: exemplars before each input at most; 0 for none.
      original_templates: path of the original project's templates.py, to use its templates; None for ours.
    """

    tfds_data_dir: str
    mixture: str = 'flan'
    held_out: str | None = None
    allow_missing: bool = False
    vocabulary: str | None = None
    modules: tuple[str, ...] = ()
    instructions: Instructions = 'templates'
    templates_per_dataset: int | None = None
    shots: int = 0
    original_templates: str | None = None

    def __post_init__(self):
        _check_shots('TRAIN_SHOTS', self.shots)
        if self.templates_per_dataset is not None and self.templates_per_dataset < 1:
            raise SettingsError(
                f'TEMPLATES_PER_DATASET={self.templates_per_dataset} must be at least 1, or None for all'
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stream:
    """How examples are packed into rows.

    Attributes:
      directory: where streams are kept, one folder per fingerprint.
      row_length: tokens in a row.
      input_length: inputs are cut to this many tokens, EOS included (FLAN, section 2.4: 1,024).
      target_length: targets are cut to this many tokens, EOS included (256).
      targets_per_row: target tokens in a row at most; None for no bound. The step projects that many positions of a
        row onto the vocabulary, so a bound near the mixture's share of targets saves time and memory.
      window: rows that are open for packing at a time.
      seed: seed of the mixing, the shuffling and the choice of templates.
    """

    directory: str
    row_length: int = 2048
    input_length: int = 1024
    target_length: int = 256
    targets_per_row: int | None = None
    window: int = 128
    seed: int = 0

    def __post_init__(self):
        if min(self.input_length, self.target_length) < 2 or self.window < 1:
            raise SettingsError('Stream: input_length and target_length must be at least 2, window at least 1')
        if self.input_length + self.target_length > self.row_length:
            raise SettingsError(
                f'an example of up to input_length={self.input_length} + target_length={self.target_length} tokens '
                f'does not fit row_length={self.row_length}; lengthen ROW_LENGTH, or shorten INPUT_LENGTH or '
                'TARGET_LENGTH'
            )

        if self.max_targets < self.target_length:
            raise SettingsError(
                f'TARGETS_PER_ROW={self.targets_per_row} is less than the TARGET_LENGTH={self.target_length} of one '
                'example; raise it, or shorten TARGET_LENGTH'
            )

    @property
    def max_targets(self) -> int:
        """Target tokens in a row at most."""
        return self.row_length if self.targets_per_row is None else min(self.targets_per_row, self.row_length)

    @property
    def lengths(self) -> dict[str, int]:
        """Feature name to length, as SeqIO wants it."""
        return {'inputs': self.input_length, 'targets': self.target_length}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """How the weights move.

    Attributes:
      steps: number of updates.
      batch_rows: rows in a step, over all processes and microbatches (FLAN: 8,192 tokens, four rows of 2,048).
      microbatches: parts into which a step is cut to save memory; the update is the same but for rounding.
      learning_rate: Adafactor's, constant after the warm-up (FLAN: 3e-5).
      warmup_steps: steps over which it rises from 0.
      multiply_by_parameter_scale: whether Adafactor's updates are relative to each parameter's size.
      weight_decay: rate of decay per step; None for none.
      dtype: dtype of activations; 'auto' is float32 on CPU and bfloat16 elsewhere.
      param_dtype: dtype in which weights are kept. 'bfloat16' halves their memory, rounding every update at random; the
        optimizer's state is float32 either way.
      rematerialise: what the backward pass computes again, see `flan_jax.model.decoder.Execution`.
      seed: seed of fresh weights, where there is no initial checkpoint.
      log_every: steps between written metrics.
      checkpoint_every: steps between checkpoints; the last step is always saved.
      keep_checkpoints: how many of the newest are kept.
    """

    steps: int = 30_000
    batch_rows: int = 4
    microbatches: int = 1
    learning_rate: float = 3e-5
    warmup_steps: int = 0
    multiply_by_parameter_scale: bool = True
    weight_decay: float | None = None
    dtype: Literal['auto', 'float32', 'bfloat16'] = 'auto'
    param_dtype: Literal['float32', 'bfloat16'] = 'float32'
    rematerialise: Literal['nothing', 'elementwise', 'layers'] = 'elementwise'
    seed: int = 0
    log_every: int = 10
    checkpoint_every: int = 1000
    keep_checkpoints: int = 2

    def __post_init__(self):
        _check_choices(self)
        if min(self.steps, self.batch_rows, self.microbatches, self.log_every, self.checkpoint_every) < 1:
            raise SettingsError(
                'Training: steps, batch_rows, microbatches, log_every and checkpoint_every must be at least 1'
            )
        if self.batch_rows % self.microbatches:
            raise SettingsError(
                f'BATCH_ROWS={self.batch_rows} cannot be cut into MICROBATCHES={self.microbatches} equal parts'
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lora:
    """Whether an adapter is tuned instead of all weights, see `flan_jax.training.lora`.

    Attributes:
      rank: rank of the adapter; None tunes all weights.
      alpha: the adapter's products are scaled by alpha / rank.
      targets: linear layers that have one: 'attention/' with query, key, value or out, 'feed_forward/' with gate, up or
        down (Hu et al. 2021, section 7.1, adapt queries and values).
    """

    rank: int | None = None
    alpha: float = 16.0
    targets: tuple[str, ...] = ('attention/query', 'attention/value')

    def __post_init__(self):
        if self.rank is not None and (self.rank < 1 or not self.targets):
            raise SettingsError(f'LORA_RANK={self.rank}, LORA_TARGETS={self.targets}: needs a rank of 1 and a target')

    @property
    def scale(self) -> float:
        """Factor on the adapter's products."""
        return 1.0 if self.rank is None else self.alpha / self.rank


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parallelism:
    """How devices share the work; the data axis takes what these leave.

    Attributes:
      fsdp: devices over which rows and, along d_model, parameters are split.
      tensor: devices over which heads, feed-forward and vocabulary are split.
    """

    fsdp: int = 1
    tensor: int = 1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is asked, and how.

    Attributes:
      targets: clusters or datasets to evaluate; empty for the held-out cluster.
      splits: 'validation' chooses the best template, 'test' is reported.
      every: steps of tuning between evaluations, for `flan-jax run`; None to ask the tuned model at the end only.
      limit: rows per dataset, template and split at most; None for all.
      templates: indices of the templates to ask with; empty for all that are not turned around.
      instructions: how inputs are worded.
      shots: numbers of exemplars before the input, each asked in turn; 0 is zero-shot.
      fixed_exemplars: whether all rows of a dataset get the same exemplars.
      batch_tokens: tokens scored or generated at a time.
      base_dir: folder whose records of the untuned model are used and added to, for runs that share it; None for the
        run's own.
      score: how options are ranked: 'sum' of token log-likelihoods (FLAN), 'mean' per token, 'byte' per UTF-8 byte, or
        'unconditional' (sum minus the option's own log-likelihood without the prompt); any of them with
        '_without_eos' leaves out the EOS that ends an option.
    """

    targets: tuple[str, ...] = ()
    splits: tuple[str, ...] = ('validation', 'test')
    every: int | None = None
    limit: int | None = None
    templates: tuple[int, ...] = ()
    instructions: Instructions = 'templates'
    shots: tuple[int, ...] = (0,)
    fixed_exemplars: bool = False
    batch_tokens: int = 8192
    base_dir: str | None = None
    score: Literal[
        'sum', 'mean', 'byte', 'unconditional',
        'sum_without_eos', 'mean_without_eos', 'byte_without_eos', 'unconditional_without_eos',
    ] = 'sum'  # fmt: skip

    def __post_init__(self):
        if self.every is not None and self.every < 1:
            raise SettingsError(f'EVALUATE_EVERY={self.every} must be at least 1 step, or None')
        if not self.shots:
            raise SettingsError('SHOTS=() asks nothing; give a tuple such as (0,) or (0, 4)')
        for shots in self.shots:
            _check_shots('SHOTS', shots)


def _check_shots(name: str, shots: int) -> None:
    if not 0 <= shots <= MAX_SHOTS:
        raise SettingsError(f'{name}={shots}: from 0 to {MAX_SHOTS} exemplars can stand in a prompt')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Experiment:
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
                f'LORA_RANK={self.lora.rank} tunes an adapter to a model that is trained: set INITIAL_CHECKPOINT to it'
            )

    @property
    def num_rows(self) -> int:
        """Rows that training reads."""
        return self.training.steps * self.training.batch_rows
