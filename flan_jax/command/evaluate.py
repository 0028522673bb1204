"""flan-jax evaluate: evaluate the base and the tuned model."""

import functools

from flan_jax.command import configuration
from flan_jax.command.train import check_vocabulary
from flan_jax.errors import UserError
from flan_jax.run import Run


def evaluate(run: Run, command: str, eval_set=None) -> None:
    """Evaluates the base model and, where there is one, the newest checkpoint.

    Args:
      run: what is evaluated.
      command: the command line, for the manifest of a run that only evaluates.
      eval_set: what `run_evaluation.eval_set_of` gives, where it is known already.
    """
    import jax

    from flan_jax import manifest
    from flan_jax.distributed.mesh import make_mesh
    from flan_jax.evaluation.evaluate import evaluate as evaluate_model
    from flan_jax.studies import run_evaluation
    from flan_jax.training import checkpoints

    latest = checkpoints.latest_folder(run.model_dir)
    if latest is None and run.initial_checkpoint is None:
        raise UserError(
            f'no checkpoint in {run.model_dir}; `flan-jax train` writes one, or INITIAL_CHECKPOINT_PATH names one to '
            'evaluate without tuning'
        )
    check_vocabulary(run, latest)
    eval_set = eval_set or run_evaluation.eval_set_of(run)
    if latest is None:
        manifest.write(run.model_dir, manifest.make(run, command, configuration.resolved(), None))
    load = {'base': _base_model, 'tuned': functools.partial(_tuned_model, checkpoint=latest)}
    mesh = make_mesh(run.parallelism)
    with jax.set_mesh(mesh):
        for label, model_records in run_evaluation.models_of(run).items():
            evaluate_model(functools.partial(load[label], run, mesh), eval_set, model_records)


def _base_model(run: Run, mesh):
    """The model that a run starts from."""
    from flan_jax.distributed.mesh import parameter_layout
    from flan_jax.training.train import initial_params

    layout = parameter_layout(run.model, mesh, run.training.param_dtype)
    return _loaded(run, mesh, initial_params(run, layout), run.evaluation.base_format)


def _tuned_model(run: Run, mesh, checkpoint):
    """The model of a run's checkpoint."""
    from flan_jax.studies.run_evaluation import tuned_format
    from flan_jax.training.train import tuned_params

    return _loaded(run, mesh, tuned_params(run, checkpoint, mesh), tuned_format(run))


def _loaded(run: Run, mesh, params, prompt_format):
    from flan_jax.distributed.placement import Placement
    from flan_jax.inference.loaded import LoadedModel
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training.program import execution_of, platform_of

    execution = execution_of(run.training, platform_of(mesh))
    vocabulary = Vocabulary(run.data.vocabulary)
    return LoadedModel(run.model, params, vocabulary, prompt_format, execution, Placement(mesh))
