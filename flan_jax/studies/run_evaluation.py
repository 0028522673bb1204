"""The evaluation of a run: its eval set, and the records of its base model and tuned model."""

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
    """Whether a run's settings name a dataset to evaluate."""
    return bool(run.data.held_out or run.evaluation.targets)


def eval_set_of(run: Run) -> EvalSet:
    """The datasets that a run evaluates.

    Raises:
      SettingsError, UnknownName, MissingDataError: if they cannot be evaluated.
    """
    named = named_datasets(run.evaluation, run.data.held_out)
    datasets = prepared_datasets(named, run.data.tfds_data_dir, run.data.allow_missing)
    return EvalSet(run.evaluation, datasets, run.stream.lengths, run.data.tfds_data_dir, run.stream.seed)


def base_records(run: Run) -> ModelRecords:
    """The records of the base model, in the folder that runs share or in the run's own."""
    if run.initial_checkpoint is None:
        weights = fresh_identity(run.model, run.training.seed)
    else:
        weights = checkpoint_identity(run.initial_checkpoint)
    root, training = run.evaluation.base_dir or run.model_dir, run.training
    settings = _model_settings(run, weights, run.evaluation.base_format)
    # Records of base models are shared by runs with different dtypes, so that non-default dtypes are part of their key.
    given = {'dtype': training.dtype, 'param_dtype': training.param_dtype}
    others = {name: value for name, value in given.items() if value != getattr(Training, name)}
    return ModelRecords(root, BASE, settings | others)


def tuned_records(run: Run) -> ModelRecords | None:
    """The records of the newest checkpoint; None if there is none yet."""
    latest = checkpoints.latest_folder(run.model_dir)
    if latest is None:
        return None
    settings = _model_settings(run, checkpoint_identity(latest), run.prompt_format)
    return ModelRecords(run.model_dir, step_model(int(latest.name)), settings)


def models_of(run: Run) -> dict[str, ModelRecords]:
    """Column name to records of the models that a report compares."""
    tuned = tuned_records(run)
    return {'base': base_records(run)} | ({'tuned': tuned} if tuned else {})


def report_folder(run: Run) -> epath.Path:
    """The folder of a run's report."""
    return epath.Path(run.evaluation.report_dir or run.model_dir)


def format_of(run: Run, label: str) -> PromptFormat:
    """The prompt format of a model of `models_of`; the tuned model's is the one that it was trained with."""
    return run.evaluation.base_format if label == 'base' else run.prompt_format


def _model_settings(run: Run, weights: Mapping, prompt_format: PromptFormat) -> dict:
    return {
        'weights': weights,
        'vocabulary': Vocabulary(run.data.vocabulary).fingerprint,
        'prompt_format': prompt_format.recipe,
    }
