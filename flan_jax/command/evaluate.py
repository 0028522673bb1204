"""flan-jax evaluate: evaluate the base and the tuned model of a run, or any models that are named."""

import functools
from collections.abc import Callable

from flan_jax.command import configuration, evaluate_models
from flan_jax.command.start import are_named, start
from flan_jax.command.train import check_vocabulary
from flan_jax.errors import UserError
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Evaluates the run that the arguments describe, or the models that they name.

    It locks the run's folder against other commands. Named models are not locked: their runs may be in progress.
    """
    if are_named(arguments):
        evaluate_models.main(arguments)
        return
    from flan_jax.distributed.lock import only_run

    run, command = start('evaluate', arguments)
    with only_run(run.model_dir):
        evaluate(run, command)


def evaluate(run: Run, command: str, eval_set=None):
    """Evaluates the base model and, if there is one, the newest checkpoint.

    Args:
      run: the run.
      command: the command line, for the manifest of a run that only evaluates.
      eval_set: the result of `run_evaluation.eval_set_of(run)` if the caller has it, to avoid computing it again.

    Returns:
      The results by model; None in all processes but the first, which alone judges the answers.
    """
    import jax

    from flan_jax import manifest
    from flan_jax.command.tensorboard import show_evaluation
    from flan_jax.evaluation.evaluate import evaluate as evaluate_model
    from flan_jax.evaluation.soft_prompts import each_prompt
    from flan_jax.reports.result_lines import results_by_model
    from flan_jax.studies import run_evaluation
    from flan_jax.training import checkpoints

    latest = checkpoints.latest_folder(run.model_dir)
    if latest is None and run.initial_checkpoint is None:
        raise UserError(
            f'no checkpoint in {run.model_dir}; run `flan-jax train`, or set INITIAL_CHECKPOINT_PATH to evaluate '
            'a model without tuning'
        )
    check_vocabulary(run, latest)
    eval_set = eval_set or run_evaluation.eval_set_of(run)
    eval_set.require_exemplars()
    if latest is None:
        manifest.write(run.model_dir, manifest.make(run, command=command, gin_text=configuration.resolved()))
    load: dict[str, Callable] = {'base': _base_model, 'tuned': functools.partial(open_model, folder=latest)}
    models = run_evaluation.models_of(run)
    for label, model_records in models.items():
        prompt_format = run_evaluation.format_of(run, label)
        opened = functools.cache(functools.partial(load[label], run, prompt_format))
        for part, of_prompt in each_prompt(eval_set, model_records):
            evaluate_model(opened, part, of_prompt)
    if jax.process_index() > 0:
        return None
    found = results_by_model(eval_set, models)
    show_evaluation(run, eval_set, models, found)
    return found


def _base_model(run: Run, prompt_format):
    """The model that a run starts from."""
    if run.initial_checkpoint is not None:
        return open_model(run, prompt_format, run.initial_checkpoint)
    from flan_jax.distributed.mesh import make_mesh, parameter_layout
    from flan_jax.distributed.placement import Placement
    from flan_jax.inference.loaded import LoadedModel
    from flan_jax.tokenizers.vocabulary import Vocabulary
    from flan_jax.training.initial import base_weights
    from flan_jax.training.program import execution_of, platform_of

    mesh = make_mesh(run.parallelism)
    layout = parameter_layout(run.model, mesh, run.training.param_dtype)
    return LoadedModel(
        config=run.model,
        params=base_weights(run.model, None, run.training.seed)(layout),
        vocabulary=Vocabulary(run.data.vocabulary),
        prompt_format=prompt_format,
        execution=execution_of(run.training.dtype, platform_of(mesh)),
        placement=Placement(mesh),
    )


def open_model(run: Run, prompt_format, folder):
    """The model of a checkpoint, with any kind of tuning, on the run's devices."""
    from flan_jax.loaded_model import load
    from flan_jax.tokenizers.vocabulary import Vocabulary

    return load(
        folder,
        # The path, since None is the bundled vocabulary in settings, but that of the checkpoint for `load`.
        vocabulary=str(Vocabulary(run.data.vocabulary).path),
        parallelism=run.parallelism,
        dtype=run.training.dtype,
        param_dtype=run.training.param_dtype,
        prompt_format=prompt_format,
    )
