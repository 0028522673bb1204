"""The gin file that `flan-jax tune` writes: all its settings, to be read, changed and run again."""

import dataclasses
from collections.abc import Iterator

from flan_jax.command import configuration
from flan_jax.command.tune_base import Base
from flan_jax.convert.gin_text import gin_lines
from flan_jax.data.formats.format import PromptFormat
from flan_jax.objectives.objective import Objective
from flan_jax.settings import bindings

FILE = 'run.gin'

RATES = {'Full': 2e-5, 'Lora': 2e-4}
"""Learning rate by tuning method: Stanford Alpaca's for 7B parameters; ten times as much for an adapter."""

BESIDE_REFERENCE = 0.05
"""Factor on these rates for objectives with a reference model: it gives 1e-6 (Rafailov et al. 2023, appendix B)."""

VALIDATED_EVERY = 20
"""Number of steps between two measurements of the validation loss."""

LENGTH = 2048
"""Default for --length, the longest example in tokens."""


def settings_of(text: str) -> list[str]:
    """The lines of a gin file without its comments, which other versions may word differently."""
    return [line.partition('  # ')[0] for line in text.splitlines() if not line.startswith('#')]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuned:
    """The settings of `flan-jax tune`.

    Attributes:
      command: the command line.
      output: the output folder.
      base: the model to tune.
      dataset: name of the prepared data.
      data_dir: folder of the prepared data.
      prompt_format: the prompt format.
      objective: class of the objective.
      tuning: name of the tuning method's class.
      epochs: number of epochs.
      batch_size: sequences per step.
      learning_rate: peak learning rate; None for that of `RATES`.
      length: longest example in tokens; None for the length that the model was trained on, up to `LENGTH`.
      test_examples: number of examples held out for evaluation.
      responses: largest number of responses per prompt in a sequence.
      validates: whether there are validation examples, to report their loss.
    """

    command: str
    output: str
    base: Base
    dataset: str
    data_dir: str
    prompt_format: PromptFormat
    objective: type[Objective]
    tuning: str
    epochs: int
    batch_size: int
    learning_rate: float | None
    length: int | None
    test_examples: int
    responses: int = 1
    validates: bool = False

    @property
    def sequence_length(self) -> int:
        """Length of a sequence in tokens."""
        return self.length or int(min(LENGTH, self.base.config.trained_length))

    @property
    def keeps_template(self) -> bool:
        """Whether prompts follow the chat template that is stored with the base model."""
        return self.base.template is not None and self.prompt_format == self.base.prompt_format

    @property
    def input_length(self) -> int:
        """Longest prompt in tokens."""
        return self.sequence_length // 2

    @property
    def target_length(self) -> int:
        """Longest answer in tokens."""
        return self.sequence_length // 2 // self.responses

    def gin_text(self) -> str:
        """Text of the gin file."""
        return '\n'.join(self._lines()) + '\n'

    def _lines(self) -> Iterator[str]:
        yield f'# Tunes a model on {self.dataset}, a file of instructions. Written by the command'
        yield f'#   {self.command}'
        yield '# Change what you like, then run'
        yield f'#   {configuration.command("run", [f"{self.output}/{FILE}"], {})}'
        yield '# Result: checkpoints, metrics and report.html in MODEL_DIR; try the model with `flan-jax generate`.'
        yield '# Time: `flan-jax run` shows the remaining time during training.'
        yield "\ninclude 'gin/runs/defaults.gin'\n"
        yield f'MODEL_DIR = {self.output!r}'
        yield f'TFDS_DATA_DIR = {self.data_dir!r}'
        yield f'MIXTURE_OR_TASK_NAME = {self.dataset!r}'
        if self.test_examples and not self.objective.needs_values:  # a reward model cannot answer
            yield f'EVAL_TASKS = ({self.dataset!r},)'
        yield f'\nINITIAL_CHECKPOINT_PATH = {self.base.checkpoint!r}'
        yield f'VOCABULARY = {self.base.vocabulary!r}'
        yield from gin_lines(self.base.config)
        yield ''
        yield from self._training()
        yield ''
        yield from self._stream()

    def _training(self) -> Iterator[str]:
        yield f'Run.tuning = @{self.tuning}()'
        yield f'Run.objective = @{self.objective.__name__}()'
        yield 'TRAIN_STEPS = None  # determined by the epochs'
        yield f'Stream.epochs = {self.epochs}'
        yield f'BATCH_SIZE = {self.batch_size}'
        yield f'LEARNING_RATE = {self.learning_rate or self._rate()}'
        yield 'Training.optimizer = @AdamW()'
        yield 'Training.schedule = @Cosine()'
        yield 'Training.warmup_share = 0.03'
        if self.validates:
            yield 'Run.validation_loss = @ValidationLoss()'
            yield f'ValidationLoss.every = {VALIDATED_EVERY}  # steps'

    def _rate(self) -> float:
        """The default learning rate, rounded to two digits."""
        return float(f'{RATES[self.tuning] * (BESIDE_REFERENCE if self.objective.needs_reference else 1):.1e}')

    def _stream(self) -> Iterator[str]:
        yield f'Run.prompt_format = @{type(self.prompt_format).__name__}()'
        if self.keeps_template:
            yield f'ChatTemplate.template = {self.base.template!r}  # that of the base model'
        else:
            yield from bindings(self.prompt_format, defaults=False)
        yield f"Stream.directory = '{self.output}/streams'"
        yield f'SEQUENCE_LENGTH = {self.sequence_length}'
        yield f'Stream.input_length = {self.input_length}  # longer prompts are skipped, and counted'
        yield f'Stream.target_length = {self.target_length}  # longer answers are truncated, and counted'
        yield 'Stream.targets_per_sequence = None'
