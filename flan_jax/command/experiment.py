"""flan-jax experiment: a study, several runs that answer one question together.

leave_one_cluster_out tunes one model for each cluster, without that cluster and those related to it, evaluates it on
the cluster, and joins all of it in MODEL_DIR/report.html. What is finished is not done again, so the same command goes
on after any interruption.
"""

import argparse
import itertools
from collections.abc import Mapping, Sequence

from flan_jax.command import configuration
from flan_jax.command.libraries import prepare_libraries
from flan_jax.command.report import report
from flan_jax.command.run import complete
from flan_jax.command.start import read_bindings, start_run
from flan_jax.errors import UserError
from flan_jax.progress import CONSOLE
from flan_jax.run import Run


def main(arguments: list[str]) -> int:
    """Carries out what is missing, or prints the commands that would."""
    options, bindings = _parse(arguments)
    if options.limit is not None:
        bindings['EVAL_LIMIT'] = str(options.limit)
    study: Run = configuration.load(options.gin_file, bindings)
    prepare_libraries(study.data)
    from flan_jax.studies import leave_one_out

    if clash := [name for name in leave_one_out.SET_BY_THE_STUDY if name in bindings]:
        raise UserError(f'{clash[0]} is set by the study itself; leave it out, and choose with --clusters')
    clusters = leave_one_out.chosen_clusters(options.clusters)
    planned = {name: bindings | leave_one_out.run_bindings(study.model_dir, name) for name in clusters}
    if options.plan:
        _print_plan(options.gin_file, planned, bindings)
    else:
        _carry_out(options.gin_file, planned)
        report(start_run('report', options.gin_file, bindings)[0])
    return 0


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    parser = argparse.ArgumentParser(
        prog='flan-jax experiment', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('name', choices=['leave_one_cluster_out'], help='the study')
    parser.add_argument('--gin_file', action='append', default=[], metavar='FILE', help='configuration of every run')
    parser.add_argument('--clusters', type=lambda text: text.split(','), default=[], metavar='A,B', help='only these')
    parser.add_argument('--limit', type=int, help='examples evaluated per dataset, template and split')
    parser.add_argument('--plan', action='store_true', help='print the missing commands instead of running them')
    options, others = parser.parse_known_args(arguments)
    return options, read_bindings(others)


def _print_plan(files: Sequence[str], planned: Mapping[str, Mapping[str, str]], bindings: Mapping[str, str]) -> None:
    """One line per run that is not finished, in any order, then the line that joins them."""
    for cluster, run_bindings in planned.items():
        progress = _progress(files, run_bindings)
        CONSOLE.print(f'{cluster}: {progress}')
        if not progress.finished:
            print(configuration.command('run', files, run_bindings))
    print(configuration.command('report', files, bindings))


def _carry_out(files: Sequence[str], planned: Mapping[str, Mapping[str, str]]) -> None:
    progress = {cluster: _progress(files, run_bindings) for cluster, run_bindings in planned.items()}
    for cluster in progress:
        CONSOLE.print(f'{cluster}: {progress[cluster]}')
    missing = [cluster for cluster in planned if not progress[cluster].finished]
    for number, cluster in zip(itertools.count(1), missing):
        CONSOLE.rule(f'run {number} of {len(missing)}: without {cluster}')
        complete(*start_run('run', files, planned[cluster]))


def _progress(files: Sequence[str], run_bindings: Mapping[str, str]):
    """How far a run is; raises, before any work starts, what would stop it."""
    from flan_jax.studies import leave_one_out

    return leave_one_out.progress_of(configuration.load(files, run_bindings))
