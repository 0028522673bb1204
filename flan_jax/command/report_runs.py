"""flan-jax report RUN...: writes one page that compares the newest models of several runs.

Each run must have been evaluated; datasets and templates that all runs share are compared. NAME=FOLDER sets the name of
a run on the page. If all runs start from the same base model, it has a column too.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flan_jax.command.compare import score_of
from flan_jax.command.evaluate_models import named
from flan_jax.command.libraries import load_datasets
from flan_jax.command.quiet import import_tensorflow
from flan_jax.errors import UserError
from flan_jax.files import require_writable
from flan_jax.progress import CONSOLE


def main(arguments: list[str]) -> None:
    """Reads the records of all runs, and writes the page and its files."""
    options = _parse(arguments)
    paths = named(options.runs)
    require_writable(options.output, '--output')
    from flan_jax import manifest

    for name, path in paths.items():
        if not manifest.exists(path):
            raise UserError(f'{name}: {path} is not the folder of a run, because it has no {manifest.FILE}')
    made = {name: manifest.read(path) for name, path in paths.items()}
    _load_catalogue(made)
    page = _write(paths, made, options)
    CONSOLE.print(f'report: {page}', soft_wrap=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        allow_abbrev=False,
        prog='flan-jax report',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('runs', nargs='+', metavar='RUN', help='folder of a run, or NAME=FOLDER')
    parser.add_argument('--score', help='score by which options are ranked; default: that of the runs')
    parser.add_argument('--output', default='out/report', help='folder to write to (default: out/report)')
    return parser.parse_args(arguments)


def _load_catalogue(made: Mapping[str, Mapping[str, Any]]) -> None:
    """Loads the datasets of all runs."""
    import_tensorflow()
    known: dict[tuple, None] = {}
    for of_run in made.values():
        data = of_run['run']['data']
        known[tuple(data['modules']), data['tfds_data_dir'], tuple(data['promptsource'])] = None
    for modules, data_dir, promptsource in known:
        load_datasets(modules, data_dir, promptsource)


def _write(paths: Mapping[str, str], made: Mapping[str, Mapping[str, Any]], options: argparse.Namespace):
    from flan_jax.evaluation.option_scores import SCORES
    from flan_jax.reports import charts
    from flan_jax.reports.models import write_side_by_side
    from flan_jax.reports.runs import evaluated_runs
    from flan_jax.training import metrics_log

    options.score = options.score or score_of(paths.values())
    if options.score not in SCORES:
        raise UserError(f'--score={options.score}: options are ranked by {", ".join(SCORES)}')
    runs = evaluated_runs(paths, made, options.score)
    losses = dict(_losses(paths, metrics_log))
    figures = {'loss': charts.losses_of_runs(losses)} if losses else {}
    return write_side_by_side(options.output, runs.models, runs.results, runs.answered, runs.more, figures)


def _losses(paths: Mapping[str, str], metrics_log) -> Iterator[tuple[str, list[dict[str, float]]]]:
    for name, path in paths.items():
        if lines := [line for line in metrics_log.read(path) if 'loss' in line]:
            yield name, lines
