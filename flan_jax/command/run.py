"""flan-jax run: pack, train, evaluate and report."""

from flan_jax.command import configuration
from flan_jax.command.evaluate import evaluate
from flan_jax.command.libraries import prepare_libraries
from flan_jax.command.pack import pack
from flan_jax.command.report import report
from flan_jax.command.train import train, tuning
from flan_jax.files import require_writable
from flan_jax.run import Run


def run_command(verb: str, files: list[str], bindings: dict[str, str]) -> None:
    """Carries out an experiment verb."""
    experiment = configuration.load(files, bindings)
    require_writable(experiment.model_dir, 'MODEL_DIR')
    prepare_libraries(experiment)
    verbs = {
        'pack': pack,
        'train': lambda experiment: train(experiment, configuration.command(verb, files, bindings)),
        'evaluate': lambda experiment: evaluate(experiment, configuration.command(verb, files, bindings)),
        'report': report,
        'run': lambda experiment: run(experiment, configuration.command(verb, files, bindings)),
    }
    verbs[verb](experiment)


def run(experiment: Run, command: str) -> None:
    """Packs, tunes, asks the base and the tuned model, and reports; asks in between where EVAL_PERIOD says so."""
    from flan_jax.studies.run_evaluation import eval_set_of, evaluates
    from flan_jax.training import checkpoints

    if not evaluates(experiment):
        train(experiment, command)
        return report(experiment)
    eval_set = eval_set_of(experiment)  # what cannot be evaluated is better known before hours of tuning
    tune_until = tuning(experiment, command)
    for stop in _stops(experiment, checkpoints.latest_step(experiment.model_dir)):
        tune_until(stop)
        evaluate(experiment, command, eval_set)
    return report(experiment)


def _stops(experiment: Run, done: int) -> list[int]:
    """The steps after which a run asks the model, those before its newest checkpoint left out."""
    last = experiment.training.steps
    between = range(experiment.evaluation.every or last, last, experiment.evaluation.every or last)
    return [stop for stop in (*between, last) if stop >= min(done, last)]
