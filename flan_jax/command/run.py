"""flan-jax run: pack, train, evaluate, certify and report."""

from flan_jax.command.certify import certify
from flan_jax.command.evaluate import evaluate
from flan_jax.command.report import report
from flan_jax.command.start import start
from flan_jax.command.train import prepare_tuning, train
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Carries out all stages of the run that the arguments describe."""
    complete(*start('run', arguments))


def complete(run: Run, command: str) -> None:
    """Packs, tunes, evaluates (the base model, and the tuned one every EVAL_PERIOD steps), certifies and reports."""
    from flan_jax.distributed.lock import only_run
    from flan_jax.studies.run_evaluation import evaluates

    if not evaluates(run):
        train(run, command)
        return report(run, command)
    with only_run(run.model_dir):
        found = _complete(run, command)
    return report(run, command, found)


def _complete(run: Run, command: str):
    """All stages but the report; returns the results of the newest model and the base model."""
    from flan_jax.studies.run_evaluation import eval_set_of
    from flan_jax.training import checkpoints

    eval_set = eval_set_of(run)  # first, so that errors appear before hours of tuning
    eval_set.require_exemplars()
    if not checkpoints.latest_step(run.model_dir):
        eval_set.render()
    steps, tune_until = prepare_tuning(run, command)
    found = None
    for stop in _stops(steps, run.evaluation.every, checkpoints.latest_step(run.model_dir)):
        tune_until(stop)
        found = evaluate(run, command, eval_set)
        if checkpoints.latest_step(run.model_dir) < stop:  # tuning was stopped early, see `Run.ifs_curve`
            break
    certify(run, eval_set)
    return found


def _stops(last: int, every: int | None, done: int) -> list[int]:
    """The steps after which a run evaluates the model, without those before its newest checkpoint.

    Args:
      last: the number of steps of the run.
      every: the evaluation period; None to evaluate at the end only.
      done: the step of the newest checkpoint.
    """
    between = range(every or last, last, every or last)
    return [stop for stop in (*between, last) if stop >= min(done, last)]
