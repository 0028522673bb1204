"""flan-jax run: pack, train, evaluate, certify and report."""

from flan_jax.command.certify import certify
from flan_jax.command.evaluate import evaluate
from flan_jax.command.report import report
from flan_jax.command.start import start
from flan_jax.command.train import train, tuning
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Does the run that the arguments describe."""
    complete(*start('run', arguments))


def complete(run: Run, command: str) -> None:
    """Packs, tunes, evaluates the base and the tuned model (every EVAL_PERIOD steps, too), certifies and reports."""
    from flan_jax.distributed.lock import only_run
    from flan_jax.studies.run_evaluation import evaluates

    if not evaluates(run):
        train(run, command)
        return report(run, command)
    with only_run(run.model_dir):
        found = _complete(run, command)
    return report(run, command, found)


def _complete(run: Run, command: str):
    """Does all but the report; gives the results of the newest model and the base."""
    from flan_jax.studies.run_evaluation import eval_set_of
    from flan_jax.training import checkpoints

    eval_set = eval_set_of(run)  # what cannot be evaluated is better known before hours of tuning
    if not checkpoints.latest_step(run.model_dir):
        eval_set.render()
    steps, tune_until = tuning(run, command)
    found = None
    for stop in _stops(steps, run.evaluation.every, checkpoints.latest_step(run.model_dir)):
        tune_until(stop)
        found = evaluate(run, command, eval_set)
        if checkpoints.latest_step(run.model_dir) < stop:  # a rule ended tuning, see `Run.ifs_curve`
            break
    certify(run, eval_set)
    return found


def _stops(last: int, every: int | None, done: int) -> list[int]:
    """The steps after which a run evaluates the model, those before its newest checkpoint left out."""
    between = range(every or last, last, every or last)
    return [stop for stop in (*between, last) if stop >= min(done, last)]
