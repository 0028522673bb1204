"""flan-jax evaluate: evaluate the base and the tuned model."""

from flan_jax.command import configuration
from flan_jax.command.start import start
from flan_jax.command.train import check_vocabulary
from flan_jax.errors import UserError
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Evaluates the run that the arguments describe."""
    evaluate(*start('evaluate', arguments))


def evaluate(experiment: Run, command: str, eval_set=None, tuned: str = 'tuned') -> None:
    """Asks the base model and, where there is one, the tuned model, whose records are kept under a name."""
    import jax

    from flan_jax import manifest
    from flan_jax.distributed.mesh import make_mesh, parameter_layout, placed
    from flan_jax.distributed.placement import Placement
    from flan_jax.evaluation import records
    from flan_jax.evaluation.evaluate import evaluate as ask
    from flan_jax.training import checkpoints
    from flan_jax.training.initial import base_weights
    from flan_jax.training.program import execution_of, platform_of

    latest = checkpoints.latest_folder(experiment.model_dir)
    if latest is None and experiment.initial_checkpoint is None:
        raise UserError(
            f'no checkpoint in {experiment.model_dir}; `flan-jax train` writes one, or INITIAL_CHECKPOINT_PATH names '
            'one to evaluate without tuning'
        )
    check_vocabulary(experiment, latest)
    eval_set = eval_set or eval_set_of(experiment)
    mesh = make_mesh(experiment.parallelism)
    execution = execution_of(experiment.training.dtype, platform_of(mesh))
    layout = parameter_layout(experiment.model, mesh, experiment.training.param_dtype)
    base = base_weights(experiment.model, experiment.initial_checkpoint, experiment.training.seed)
    tuning = experiment.tuning
    weights = {records.BASE: lambda: base(layout)}
    if latest is not None:
        shapes = placed(tuning.shapes(experiment.model), mesh) if tuning.freezes_base else layout
        weights[tuned] = lambda: tuning.combine(
            base(layout) if tuning.freezes_base else {}, checkpoints.load_params(latest, shapes)
        )
    else:
        made = manifest.make(experiment, command=command, gin_text=configuration.resolved())
        manifest.write(experiment.model_dir, made)
    with jax.set_mesh(mesh):
        for model, load in weights.items():
            ask(experiment, eval_set, load, model, execution, Placement(mesh))


def eval_set_of(experiment: Run):
    """What a run evaluates; raises where it cannot."""
    from flan_jax.evaluation.evaluate import EvalSet

    return EvalSet(experiment)
