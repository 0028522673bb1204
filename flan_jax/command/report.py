"""flan-jax report: make report.html and report.json from what is on disk."""

from flan_jax.command.start import start
from flan_jax.progress import CONSOLE
from flan_jax.run import Run


def main(arguments: list[str]) -> None:
    """Reports on the run that the arguments describe."""
    report(start('report', arguments)[0])


def report(experiment: Run) -> None:
    """Makes report.html and report.json, of one run or of an experiment's runs that are there."""
    import jax

    from flan_jax.reports.joint_report import runs_in, write_joint_report
    from flan_jax.reports.report import write_report

    if jax.process_index() == 0:
        write = write_joint_report if runs_in(experiment.model_dir) else write_report
        CONSOLE.print(f'report: {write(experiment)}')
