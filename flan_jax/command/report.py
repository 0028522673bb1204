"""flan-jax report: make report.html and report.json from the files of a run, or one page for several runs."""

from flan_jax.command import configuration, report_runs
from flan_jax.command.start import are_named, parse_gin_arguments, start_run
from flan_jax.progress import CONSOLE
from flan_jax.run import Run
from flan_jax.settings import as_plain


def main(arguments: list[str]) -> None:
    """Reports on the run that the arguments describe, or on the runs that they name.

    The runs may be in progress: their files are always complete.
    """
    if are_named(arguments):
        report_runs.main(arguments)
        return
    files, bindings = parse_gin_arguments('report', arguments)
    report(start_run('report', files, bindings)[0], configuration.command('run', files, bindings))


def report(run: Run, command: str, found=None) -> None:
    """Makes report.html and report.json.

    Args:
      run: the run.
      command: the command line that repeats the run, to be shown in the report.
      found: the results of an evaluation just made; None to read the records.
    """
    import jax

    if jax.process_index() == 0:
        CONSOLE.print(f'report: {_write_run_report(run, command, found)}')


def _write_run_report(run: Run, command: str, found):
    from flan_jax.reports.report import write_report
    from flan_jax.studies import run_evaluation

    asked = {'run': as_plain(run), 'command': command, 'gin': configuration.resolved()}
    folder = run_evaluation.report_folder(run)
    if not run_evaluation.evaluates(run):
        return write_report(run.model_dir, asked, None, {}, folder=folder)
    eval_set, models = run_evaluation.eval_set_of(run), run_evaluation.models_of(run)
    return write_report(run.model_dir, asked, eval_set, models, found, folder)
