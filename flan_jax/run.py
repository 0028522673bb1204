"""A run: one tuned model and its evaluation, with the settings of all packages."""

import dataclasses

from flan_jax.data.formats.flan import Flan
from flan_jax.data.formats.format import PromptFormat
from flan_jax.data.mixing.proportional import ProportionalMixing
from flan_jax.data.settings import Data
from flan_jax.distributed.mesh import Parallelism
from flan_jax.evaluation.instruction_following.settings import IfsCurve
from flan_jax.evaluation.settings import Evaluation
from flan_jax.model.config import DecoderConfig
from flan_jax.objectives.next_token import NextToken
from flan_jax.objectives.objective import Objective
from flan_jax.objectives.ppo import Ppo
from flan_jax.packing.settings import Stream
from flan_jax.settings import Path, Settings, SettingsError
from flan_jax.training.schedules.constant import Constant
from flan_jax.training.settings import Training, ValidationLoss
from flan_jax.tuning.full import Full
from flan_jax.tuning.tuning import Tuning


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run(Settings):
    """One tuned model and its evaluation.

    Attributes:
      model_dir: folder of everything that the run writes.
      data: the examples.
      stream: how examples are packed.
      model: the decoder.
      training: how the model is trained.
      objective: the loss.
      tuning: which parameters are trained.
      prompt_format: the text before, between and after the parts of an example.
      parallelism: how devices share the work.
      evaluation: what is evaluated.
      initial_checkpoint: folder of a checkpoint to start from; None for random weights.
      validation_loss: the loss on validation examples, logged during tuning; None for none.
      ifs_curve: the Instruction Following Score during tuning, which may end it; None for none.
    """

    model_dir: Path
    data: Data
    stream: Stream
    model: DecoderConfig
    training: Training = Training()
    objective: Objective = NextToken()
    tuning: Tuning = Full()
    prompt_format: PromptFormat = Flan()
    parallelism: Parallelism = Parallelism()
    evaluation: Evaluation = Evaluation()
    initial_checkpoint: Path | None = None
    validation_loss: ValidationLoss | None = None
    ifs_curve: IfsCurve | None = None

    def check(self) -> None:
        self._check_amount()
        self._check_objective()
        self._check_validation()
        self._check_dropout()
        self._check_curve()
        if self.tuning.freezes_base and self.initial_checkpoint is None:
            raise SettingsError(
                f'Run.tuning=@{type(self.tuning).__name__}() trains beside a model that stays as it is: set '
                'Run.initial_checkpoint to it'
            )
        if self.tuning.prompt_names and not isinstance(self.objective, NextToken):
            objective = type(self.objective).__name__
            raise SettingsError(
                f'Run.tuning=@TaskPrompts() divides the loss by task, which Run.objective=@{objective}() cannot do; '
                'take @NextToken()'
            )
        if self.tuning.prompt_names and not isinstance(self.training.schedule, Constant):
            schedule = type(self.training.schedule).__name__
            raise SettingsError(
                f'Training.schedule=@{schedule}() falls over Training.steps, but each prompt of @TaskPrompts() counts '
                'only the steps with texts of its task; take @Constant()'
            )
        before = self.tuning.positions
        if before + self.stream.example_length > self.model.max_length:
            setting = 'TaskPrompts.lengths' if self.tuning.prompt_names else 'Prompt.length'
            prompt = f', after the {before} rows of {setting},' if before else ''
            raise SettingsError(
                f'Stream.input_length={self.stream.input_length} and Stream.target_length={self.stream.target_length} '
                f'tokens{prompt} make examples longer than the {self.model.max_length} positions that the model has '
                '(Learned.max_length); shorten them'
            )

    def _check_objective(self) -> None:
        """Raises SettingsError if the objective lacks an input, or its model cannot be evaluated by the run."""
        name = type(self.objective).__name__
        if self.objective.needs_reference and self.initial_checkpoint is None:
            raise SettingsError(
                f'Run.objective=@{name}() compares with the model that tuning starts from, which must know how to '
                'answer: set Run.initial_checkpoint to a tuned model'
            )
        evaluated = self.data.held_out or self.evaluation.targets
        if isinstance(self.objective, Ppo) and evaluated:
            raise SettingsError(
                f'Run.objective=@Ppo() learns from rewards and is evaluated afterwards, by `flan-jax evaluate '
                f'MODEL_DIR/policy`: leave Data.held_out={self.data.held_out!r} and Evaluation.targets='
                f'{self.evaluation.targets!r} empty'
            )
        if self.objective.needs_values and evaluated:
            raise SettingsError(
                f'Run.objective=@{name}() makes a reward model, which rates responses and answers nothing: leave '
                f'Data.held_out={self.data.held_out!r} and Evaluation.targets={self.evaluation.targets!r} empty'
            )

    def _check_dropout(self) -> None:
        """Raises SettingsError if a model with dropout would be compared with one without."""
        compares = self.objective.needs_reference or isinstance(self.objective, Ppo)
        if compares and self.training.residual_dropout:
            raise SettingsError(
                f'Training.residual_dropout={self.training.residual_dropout} leaves out parts of the model that learns '
                f'and Run.objective=@{type(self.objective).__name__}() compares it with one of which nothing is left '
                'out, so that they would differ before anything is learned; set it to 0.0'
            )

    def _check_validation(self) -> None:
        """Raises SettingsError if the objective or the tuning has a validation of its own."""
        if self.validation_loss is None:
            return
        if not isinstance(self.objective, NextToken):
            name = type(self.objective).__name__
            raise SettingsError(
                f'Run.validation_loss=@ValidationLoss() is of @NextToken(), and Run.objective=@{name}() '
                f'{"rates its test examples itself" if self.objective.ranked else "has rewards"}; leave '
                'Run.validation_loss as None'
            )
        if self.tuning.prompt_names:
            raise SettingsError(
                'Run.validation_loss=@ValidationLoss() is of one model, but Run.tuning=@TaskPrompts() has a prompt for '
                'each task, and TaskPrompts.stopping=@EarlyStopping() validates each; leave Run.validation_loss as None'
            )

    def _check_curve(self) -> None:
        """Raises SettingsError if the model that is being tuned cannot generate answers."""
        if self.ifs_curve is None:
            return
        if self.objective.needs_values:
            name = type(self.objective).__name__
            raise SettingsError(
                f'Run.ifs_curve=@IfsCurve() asks the model while it is tuned, which Run.objective=@{name}() does not '
                'train on answers; leave Run.ifs_curve as None'
            )
        if self.tuning.prompt_names:
            raise SettingsError(
                'Run.ifs_curve=@IfsCurve() asks one model, but Run.tuning=@TaskPrompts() has a prompt for each task; '
                'leave Run.ifs_curve as None'
            )
        before, input_length = self.tuning.positions, self.stream.input_length
        if before + input_length + self.ifs_curve.max_new_tokens > self.model.max_length:
            raise SettingsError(
                f'IfsCurve.max_new_tokens={self.ifs_curve.max_new_tokens} after Stream.input_length={input_length} '
                f'tokens are more than the {self.model.max_length} positions that the model has; lower one'
            )

    def _check_amount(self) -> None:
        """Raises SettingsError unless exactly one setting determines the amount of training."""
        epochs, steps = self.stream.epochs, self.training.steps
        if epochs is None and steps is None:
            raise SettingsError(
                'Training.steps=None: nothing says when training ends; set Training.steps, or Stream.epochs'
            )
        if epochs is not None and steps is not None:
            raise SettingsError(
                f'Stream.epochs={epochs} and Training.steps={steps} both say when training ends; set one of them to '
                'None'
            )
        if epochs is not None and self.data.parts:
            raise SettingsError(
                f'Stream.epochs={epochs} reads all examples equally often, so Data.parts cannot have weights of their '
                'own; set Training.steps in its place'
            )
        if epochs is not None and self.data.mixing != ProportionalMixing():
            raise SettingsError(
                f'Stream.epochs={epochs} reads all examples equally often, so Data.mixing='
                f'@{type(self.data.mixing).__name__}() would change nothing; leave Data.mixing as it is, or set '
                'Training.steps in place of epochs'
            )

    @property
    def num_sequences(self) -> int | None:
        """Number of sequences that training reads; None if it follows from the stream, see `Stream.epochs`."""
        return None if self.training.steps is None else self.training.steps * self.training.batch_size
