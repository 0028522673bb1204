"""What a run evaluates: its eval set, and where the records of its base and of its tuned model are."""

from collections.abc import Mapping

from etils import epath

from flan_jax.data.formats.format import PromptFormat
from flan_jax.evaluation.eval_set import EvalSet, prepared_datasets
from flan_jax.evaluation.model_identity import checkpoint_identity, fresh_identity
from flan_jax.evaluation.records import BASE, ModelRecords, step_model
from flan_jax.evaluation.selection import named_datasets
from flan_jax.run import Run
from flan_jax.tokenizers.vocabulary import Vocabulary
from flan_jax.training import checkpoints
from flan_jax.training.settings import Training


def evaluates(run: Run) -> bool:
    """Whether a run names anything to evaluate."""
    return bool(run.data.held_out or run.evaluation.targets)


def eval_set_of(run: Run) -> EvalSet:
    """What a run evaluates.

    Raises:
      SettingsError, UnknownName, MissingDataError: where it cannot be evaluated.
    """
    named = named_datasets(run.evaluation, run.data.held_out)
    datasets = prepared_datasets(named, run.data.tfds_data_dir, run.data.allow_missing)
    return EvalSet(run.evaluation, datasets, run.stream.lengths, run.data.tfds_data_dir, run.stream.seed)


def base_records(run: Run) -> ModelRecords:
    """Where the records of the base model are: in the folder that runs share, or in the run's own."""
    if run.initial_checkpoint is None:
        weights = fresh_identity(run.model, run.training.seed)
    else:
        weights = checkpoint_identity(run.initial_checkpoint)
    root, training = run.evaluation.base_dir or run.model_dir, run.training
    settings = _model_settings(run, weights, run.evaluation.base_format)
    # A run's own model has one dtype; its base is evaluated without a run, too, and for runs that share the records.
    given = {'dtype': training.dtype, 'param_dtype': training.param_dtype}
    others = {name: value for name, value in given.items() if value != getattr(Training, name)}
    return ModelRecords(root, BASE, settings | others)


def tuned_records(run: Run) -> ModelRecords | None:
    """Where the records of the newest checkpoint are; None before there is one."""
    latest = checkpoints.latest_folder(run.model_dir)
    if latest is None:
        return None
    settings = _model_settings(run, checkpoint_identity(latest), run.prompt_format)
    return ModelRecords(run.model_dir, step_model(int(latest.name)), settings)


def models_of(run: Run) -> dict[str, ModelRecords]:
    """The records of the models that a report sets beside each other, by the names of its columns."""
    tuned = tuned_records(run)
    return {'base': base_records(run)} | ({'tuned': tuned} if tuned else {})


def report_folder(run: Run) -> epath.Path:
    """Where the report of a run is."""
    return epath.Path(run.evaluation.report_dir or run.model_dir)


def format_of(run: Run, label: str) -> PromptFormat:
    """The prompt format of a model of `models_of`: the tuned one is evaluated as it was trained."""
    return run.evaluation.base_format if label == 'base' else run.prompt_format


def _model_settings(run: Run, weights: Mapping, prompt_format: PromptFormat) -> dict:
    return {
        'weights': weights,
        'vocabulary': Vocabulary(run.data.vocabulary).fingerprint,
        'prompt_format': prompt_format.recipe,
    }
